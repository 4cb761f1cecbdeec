"""Hours of ordinary life with a fault in every minute: `make soak ARGS="--minutes 30"`.

The same users stay connected all the time; one web worker is never touched and must not grow. Each
minute ends with a moment of silence in which everything that was said in it is judged. The exit
code is 1 when something acknowledged was lost, doubled or reordered, when an answer was an error
nobody expects, or when memory, file descriptors or tasks grew faster than the limits below.
"""

import argparse
import asyncio
import logging
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.faults import cases
from tests.faults.life import Life
from tests.faults.recorder import Counts
from tests.faults.registry import Case
from tests.faults.run import CLIENT, Run, Scale
from tests.faults.site import Site, Worker
from tests.faults.soak_chart import chart
from tests.faults.targets import forgiven
from tests.faults.vitals import Vitals, look_at, look_at_worker, slope
from tests.system.clients import until

# Those that leave the steady worker alone (workers[0]; the victim is workers[1]).
FAULTS = (
    *("F8", "F1", "F5", "F13", "F6", "F9", "F23", "F14", "F10", "F6b", "F8c", "F15", "F1c"),
    *("F10b", "F6c", "F11", "F5b", "F14b", "F8b", "F6f", "F8e", "F10c", "F8f", "F28"),
)
# Bearer sockets end after 15 minutes unless they are renewed.
RENEW_S = 480.0
# Growth per minute of the worker that is never restarted. At 50 messages a second its memory of
# recent ones (20,000, chat/journal.py) takes 13 minutes to fill up: 0.75 MiB in each of them.
WARM_AFTER = 13
WARM = {"RSS, MiB": 0.5, "file descriptors": 0.5, "tasks": 0.5}
# In a short run. A connection pool grows a little when a database is slow (to 100 at most).
WARMING = {"RSS, MiB": 1.5, "file descriptors": 4.0, "tasks": 1.0}
MIN_FOR_SLOPE = 5  # minutes that are looked at
MEDIAN, P99 = 0.5, 0.99
console = Console() if sys.stdout.isatty() else Console(width=130)


@dataclass
class Minute:
    """The measurements of one minute. Times in seconds; `vitals` of {part: Vitals}."""

    number: int
    case: Case
    counts: Counts = field(default_factory=Counts)
    median_s: float = 0.0
    p99_s: float = 0.0
    heal_s: float | None = None
    vitals: dict[str, Vitals] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=30, help="(30)")
    parser.add_argument("--seed", type=int, default=1, help="to repeat a run (1)")
    parser.add_argument("--rate", type=float, default=50, help="messages a second (50)")
    parser.add_argument("--people", type=int, default=20, help="(20)")
    parser.add_argument("--rooms", type=int, default=20, help="of five members each (20)")
    parser.add_argument("--minute", type=float, default=60, help="seconds a minute lasts (60)")
    parser.add_argument("--picture", type=Path, default=Path("var/soak.svg"), help="(var/soak.svg)")
    return parser.parse_args()


class Soak:
    """One long run. `minutes` fills up as it goes on."""

    def __init__(self, options: argparse.Namespace, home: Path) -> None:
        self.options = options
        self.site = Site(home, program="tests.faults.watched_web")
        for worker in self.site.workers:
            worker.environment["VITALS"] = str(home / f"{worker.name}.vitals")
        scale = Scale(options.people, options.rooms, 5, options.rate, 0, patient=True)
        self.run = Run(self.site, options.seed, scale)
        self.run.victim = self.site.workers[1]
        self.run.breakable = [self.run.victim]
        self.minutes: list[Minute] = []
        self.broke = ""  # what ended it too early
        self._known: dict[str, int] = {}
        self._renewed = time.monotonic()

    @property
    def steady(self) -> Worker:
        return self.site.workers[0]

    async def whole(self, progress: Progress) -> None:
        bar = progress.add_task("starting", total=self.options.minutes)
        try:
            await self.site.start()
            await self.site.enlist(self.options.people + 1)  # one more, for what Life does alone
            await self.run.open()
            self._known = {room.identity: 0 for room in self.run.rooms}
            for number in range(self.options.minutes):
                case = cases.ALL[FAULTS[number % len(FAULTS)]]
                progress.update(bar, description=f"{case.name} {case.title}")
                self.minutes.append(await self._minute(number + 1, case))
                progress.advance(bar)
                console.print(line(self.minutes[-1]), highlight=False, markup=False)
                for wrong in self.minutes[-1].wrong[:5]:
                    console.print(f"[red]{wrong}", highlight=False)
        except Exception as exc:
            self.broke = f"the soak ended too early: {exc!r}"
        finally:
            await self.run.close()
            await self.site.stop()

    async def _minute(self, number: int, case: Case) -> Minute:
        minute, end = Minute(number, case), time.monotonic() + self.options.minute
        try:
            await self._eventful(minute, end)
            await self.run.settle()
            minute.counts, minute.wrong[:0] = await self._judged()
        except Exception as exc:
            minute.wrong.append(f"{case.name}: {exc!r}")
        await self.site.mend()
        minute.heal_s = self.run.heal_s
        waits = sorted(ack.at - ack.begun for ack in self.run.recorder.acks)
        minute.median_s, minute.p99_s = share(waits, MEDIAN), share(waits, P99)
        minute.vitals = await self._vitals()
        await self._turn_the_page()
        return minute

    async def _eventful(self, minute: Minute, end: float) -> None:
        """Users talk and do other things; in the middle of it something breaks."""
        run = self.run
        run.heal_s = None
        async with run.talking() as load, Life(run) as life:
            await asyncio.sleep(self.options.minute * run.rng.uniform(0.1, 0.3))
            await minute.case.work(run)
            await run.heal(forgiven(minute.case.heals_within))
            await asyncio.sleep(max(1.0, end - time.monotonic()))
            await load.finish()
        minute.wrong += life.wrong

    async def _judged(self) -> tuple[Counts, list[str]]:
        return await self.run.judge_since(self._known)

    async def _vitals(self) -> dict[str, Vitals]:
        """Runs in the silence after everything is whole again."""
        await asyncio.sleep(1)
        found = {worker.name: await look_at_worker(worker) for worker in self.site.workers}
        found["MongoDB"] = look_at(self.site.mongodb.pid)
        found["Redis"] = look_at(self.site.redis.pid)
        return found

    async def _turn_the_page(self) -> None:
        """Nothing of this minute is needed any more. Moves everybody back to their worker (or no
        fault of a worker would affect anybody), and renews tokens when it is time."""
        clients = list(self.run.clients.values())
        for number, client in enumerate(clients):
            client.move(self.site.workers[number % 2].front_url)
        await asyncio.sleep(CLIENT.reconnect)
        await until(lambda: all(client.connected for client in clients), forgiven(10))
        for room, head in self.run.heads().items():
            self._known[room] = max(head, self._known[room])
        self.run.recorder.clear()
        self.run.notes.clear()
        for client in clients:
            client.forget()
        if time.monotonic() - self._renewed > RENEW_S:
            self._renewed = time.monotonic()
            for person in self.site.people:
                await person.renew()
            for device, client in self.run.clients.items():
                await client.renew(self.run.of[device].token)

    # --- the verdict -----------------------------------------------------------------------

    @property
    def settled(self) -> list[Minute]:
        """Returns the minutes in which nothing has to warm up any more; of a short run the second
        half."""
        return self.minutes[min(WARM_AFTER, len(self.minutes) // 2) :]

    def growth(self) -> dict[str, float]:
        """Returns growth per minute of the worker that was never touched."""
        seen = [minute.vitals[self.steady.name] for minute in self.settled if minute.vitals]
        return {
            "RSS, MiB": slope([each.rss for each in seen]),
            "file descriptors": slope([each.fds for each in seen]),
            "tasks": slope([each.tasks for each in seen]),
        }

    def complaints(self) -> list[str]:
        """Returns what makes the run a failed one."""
        found = [self.broke] if self.broke else []
        found += [wrong for minute in self.minutes for wrong in minute.wrong]
        if len({m.vitals[self.steady.name].pid for m in self.minutes if m.vitals}) > 1:
            found.append("the steady worker ended")
        if len(self.settled) >= MIN_FOR_SLOPE:
            limits = WARM if len(self.minutes) >= 2 * WARM_AFTER else WARMING
            for what, grown in self.growth().items():
                if grown > limits[what]:
                    found.append(f"{what} of the steady worker: {grown:+.2f} a minute")
        return found


def share(waits: Sequence[float], part: float) -> float:
    """Returns a percentile of sorted values; 0 of none."""
    return waits[math.ceil(part * len(waits)) - 1] if waits else 0.0


HEAD = (
    "min  fault                                            acked retried lost dbl ord "
    " heal s  p50 ms  p99 ms   rss MiB   fds tasks"
)


def line(minute: Minute) -> str:
    """Returns a line of the table; memory and the rest are those of the steady worker."""
    counts, vitals = minute.counts, minute.vitals["worker0"]
    what = f"{minute.case.name} {minute.case.title}"[:48]
    heal = "-" if minute.heal_s is None else f"{minute.heal_s:.1f}"
    return (
        f"{minute.number:3}  {what:48} {counts.acked:5} {counts.retried:7} {counts.lost:4}"
        f" {counts.doubled:3} {counts.reordered:3} {heal:>7} {minute.median_s * 1000:7.0f}"
        f" {minute.p99_s * 1000:7.0f} {vitals.rss:9.1f} {vitals.fds:5} {vitals.tasks:5}"
    )


def total(minutes: Sequence[Minute]) -> Counts:
    return sum((minute.counts for minute in minutes), Counts())


async def main() -> int:
    options = arguments()
    columns = (BarColumn(), TextColumn("{task.completed}/{task.total} min"), TimeElapsedColumn())
    with tempfile.TemporaryDirectory(prefix="imsystem-soak-") as home:
        soak = Soak(options, Path(home))
        console.print(HEAD, highlight=False)
        with Progress(*columns, TextColumn("{task.description}"), console=console) as progress:
            await soak.whole(progress)
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    options.picture.write_text(chart(soak.minutes), encoding="utf-8")
    counts, complaints = total(soak.minutes), soak.complaints()
    console.print(
        f"{counts.acked} acked, {counts.retried} retried, {counts.received} received;"
        f" lost {counts.lost}, doubled {counts.doubled}, reordered {counts.reordered},"
        f" unseen {counts.unseen}, phantom {counts.phantom}, holes {counts.holes}"
    )
    for what, grown in soak.growth().items():
        console.print(f"{what} of the steady worker: {grown:+.2f} a minute")
    for complaint in complaints[:20]:
        console.print(complaint, style="red", markup=False)
    console.print(f"picture: {options.picture}")
    return int(bool(complaints))


if __name__ == "__main__":
    logging.getLogger("httpx").setLevel(logging.WARNING)
    sys.exit(asyncio.run(main()))
