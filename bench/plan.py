"""Which workloads run on whom, in which order."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from rich.progress import Progress

from bench import BenchError, SkippedError, loads
from bench.loads import Outcome
from bench.own import api, sockets
from bench.own.start import start
from bench.peers.base import Peer
from bench.peers.channels import Channels
from bench.peers.ejabberd import Ejabberd
from bench.peers.limit import Limit
from bench.peers.prosody import Prosody
from bench.processes import one_line
from bench.system import System
from bench.workloads import WORKLOADS, Form, In, Workload

PEERS: dict[str, Callable[[], list[Peer]]] = {
    "channels": lambda: [Channels("daphne", "core"), Channels("uvicorn", "pubsub")],
    "prosody": lambda: [Prosody()],
    "ejabberd": lambda: [Ejabberd()],
    "limit": lambda: [Limit()],
}


@dataclass
class Results:
    """Everything that was found. Peers by name; outcomes one for each run."""

    peers: dict[str, Peer] = field(default_factory=dict)
    not_installed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, dict[str, list[Outcome]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def values(self, workload: str, key: str, peer: str) -> list[float]:
        """A row's values, one for each run; none when it was not measured."""
        outcomes = self.outcomes.get(workload, {}).get(peer, [])
        return [run.figures[key] for run in outcomes if key in run.figures]


def chosen_workloads(only: Sequence[str], *, full: bool) -> list[Workload]:
    """Those named, or those of the form. Raises BenchError for an unknown name."""
    known = {workload.name: workload for workload in WORKLOADS}
    unknown = [name for name in only if name not in known]
    if unknown:
        raise BenchError(f"no workload {unknown[0]}; there are: {', '.join(known)}")
    if only:
        return [known[name] for name in only]
    return [w for w in WORKLOADS if not (w.quick_only if full else w.full_only)]


def chosen_peers(text: str) -> list[Peer]:
    """`none`, `all`, or names with commas. Raises BenchError for an unknown name."""
    names = {"none": [], "all": list(PEERS)}.get(text, text.split(","))
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise BenchError(f"no peer {unknown[0]!r}; there are: {', '.join(PEERS)}, all, none")
    return [peer for name in names for peer in PEERS[name]()]


def measure(workload: Workload, peer: Peer, form: Form) -> Outcome:
    """One run of a workload on one peer."""
    size, seconds, steady = workload.size, form.seconds, form.steady_seconds
    if workload.kind == "room":
        wants_half = any(row.key == "half_p99" for row in workload.rows)
        return loads.room(peer, size, seconds, steady if wants_half else 0.0)
    if workload.kind == "pairs":
        return loads.pairs(peer, size, seconds, steady)
    assert isinstance(peer, System)
    own: dict[str, Callable[[], Outcome]] = {
        "idle": lambda: sockets.idle(peer, size),
        "connects": lambda: sockets.connects(peer, size),
        "reconnect": lambda: sockets.reconnect(peer, size),
        "history": lambda: api.history(peer, size),
        "room-list": lambda: api.room_list(peer, size),
        "rest": lambda: api.rest_sends(peer, size, seconds),
        "start": lambda: start(peer),
    }
    return own[workload.kind]()


class Plan:
    """A run of the whole table."""

    def __init__(
        self, system: System, peers: Sequence[Peer], workloads: Sequence[Workload], form: Form
    ) -> None:
        self.workloads = workloads
        self.form = form
        self.results = Results({system.name: system})
        for peer in peers:
            missing = peer.missing()
            if missing:
                self.results.not_installed[peer.title] = missing
            else:
                self.results.peers[peer.name] = peer

    def run(self, progress: Progress) -> Results:
        """First what is compared with the peers, round by round, so that it is measured within a
        minute or two; then IMSystem's own workloads, one after the other.

        Raises BenchError when a system under load ends.
        """
        turns = {w.name: self._peers(w) for w in self.workloads}
        bars = {
            w.name: progress.add_task(w.name, what="", total=len(turns[w.name]) * self._runs(w))
            for w in self.workloads
        }
        wanted = {peer.name: peer for peers in turns.values() for peer in peers}
        self.results.peers = wanted
        with ExitStack() as running:
            for peer in wanted.values():
                running.enter_context(peer.running())
            for workload in self._order():
                for peer in turns[workload.name]:
                    progress.update(bars[workload.name], what=peer.title)
                    self._measure(workload, peer)
                    progress.update(bars[workload.name], what="", advance=1)
        return self.results

    def _order(self) -> Iterator[Workload]:
        """Each workload as often as it is run."""
        compared = [w for w in self.workloads if w.peers is not In.NONE]
        for number in range(self.form.runs):
            yield from (w for w in compared if number < self._runs(w))
        for workload in self.workloads:
            if workload not in compared:
                yield from [workload] * self._runs(workload)

    def _peers(self, workload: Workload) -> list[Peer]:
        system, *others = self.results.peers.values()
        return [system, *others] if self._holds(workload.peers) else [system]

    def _runs(self, workload: Workload) -> int:
        return self.form.runs if self._holds(workload.repeated) else 1

    def _holds(self, where: In) -> bool:
        return where is In.ALL or (where is In.FULL and self.form.full)

    def _measure(self, workload: Workload, peer: Peer) -> None:
        """One run. One that fails although the system still runs is a fault of that system."""
        try:
            outcome = measure(workload, peer, self.form)
        except SkippedError as exc:
            self.results.skipped[workload.name] = str(exc)
            return
        except Exception as exc:
            outcome = Outcome(faults={one_line(f"failed, {exc or exc!r}"): 1})
        peer.check()
        self.results.outcomes[workload.name][peer.name].append(outcome)
