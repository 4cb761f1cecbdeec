"""What every client sent, was told and heard; and what is wrong with it once all has settled.

The invariants (I1-I6):

1. an acknowledged message is in the history exactly once, with the same bytes
2. the numbers of a history go up, none is used twice, and they have the order of sending
3. what a device shows, live and by sync together, is the history, in its order
4. nobody hears of a message that is not in the history
5. one client_id has one identity and one number, however often it was sent
6. a message that was never acknowledged is there once or not at all
"""

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

Json = dict[str, Any]

# room -> identity of a member -> what they read of it
Histories = Mapping[str, Mapping[str, Sequence[Json]]]
# device -> room -> what it shows, from the top
Screens = Mapping[str, Mapping[str, Sequence[Json]]]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Ack:
    """`begun`: when the message was sent for the first time. Times are time.monotonic()."""

    room: str
    client_id: str
    identity: str
    seq: int
    digest: str
    begun: float
    at: float
    repeated: bool


@dataclass(frozen=True, slots=True)
class Receive:
    device: str
    room: str
    client_id: str
    identity: str
    seq: int
    digest: str
    at: float
    how: str  # "event" or "sync"


@dataclass(slots=True)
class Sent:
    """A message as its sender knows it."""

    device: str
    room: str
    digest: str
    begun: float
    attempts: int = 0
    refusals: Counter[str] = field(default_factory=Counter)


@dataclass
class Counts:
    """The outcome of a run. All counts from `lost` to `phantom` have to be zero."""

    sent: int = 0
    acked: int = 0
    retried: int = 0
    received: int = 0
    lost: int = 0  # acked, and not in the history as it was (1)
    doubled: int = 0  # one message under two numbers, or shown twice (1, 3, 5, 6)
    reordered: int = 0  # numbers that go back, or lists in different orders (2, 3)
    unseen: int = 0  # in the history, and not shown by a device of a member (3)
    phantom: int = 0  # heard of, and not in the history; or in it, and never sent (4)
    holes: int = 0  # numbers without a message: allowed, they are final

    @property
    def faults(self) -> int:
        return self.lost + self.doubled + self.reordered + self.unseen + self.phantom

    def __add__(self, other: "Counts") -> "Counts":
        names = [each.name for each in fields(self)]
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in names})


class Recorder:
    """Records everything; `judge` looks at it after healing."""

    def __init__(self) -> None:
        self.sent: dict[str, Sent] = {}  # by client_id: they are unique in a run
        self.acks: list[Ack] = []
        self.received: list[Receive] = []

    def device(self, name: str) -> "DeviceLog":
        return DeviceLog(self, name)

    def clear(self) -> None:
        """Starts afresh, for the same devices."""
        self.sent.clear()
        self.acks.clear()
        self.received.clear()

    # --- the judgement ---------------------------------------------------------------------

    def judge(
        self, histories: Histories, screens: Screens, known: Mapping[str, int] | None = None
    ) -> tuple[Counts, list[str]]:
        """Returns the counts, and a line for each thing that is wrong.

        `screens` has every device that is in a room to the end and every room it is in. `known`:
        the numbers after which histories and screens begin, of {room: number}; 0 without.
        """
        after = known or {}
        self.received = [r for r in self.received if r.seq > after.get(r.room, 0)]
        counts = Counts(
            sent=len(self.sent),
            acked=len({ack.client_id for ack in self.acks}),
            retried=sum(sent.attempts - 1 for sent in self.sent.values()),
            received=len(self.received),
        )
        truth = {room: longest(read.values()) for room, read in histories.items()}
        wrong = [*self._acks_and_history(truth), *self._order_of_acks(), *self._order_of_sends()]
        wrong += [*_histories(histories, truth), *_screens(screens, truth)]
        wrong += self._phantoms(truth)
        for kind, _line in wrong:
            setattr(counts, kind, getattr(counts, kind) + 1)
        counts.holes = sum(
            m[-1]["seq"] - after.get(room, 0) - len(m) for room, m in truth.items() if m
        )
        return counts, [f"{kind}: {line}" for kind, line in wrong]

    def _acks_and_history(self, truth: Mapping[str, Sequence[Json]]) -> "Iterator[Wrong]":
        stored: defaultdict[str, list[Json]] = defaultdict(list)
        for messages in truth.values():
            for message in messages:
                stored[message["client_id"]].append(message)
        for client_id, copies in stored.items():
            if len(copies) > 1:
                yield "doubled", f"{client_id} is stored as {[copy['seq'] for copy in copies]}"
        told: dict[str, Ack] = {}
        for ack in self.acks:
            first = told.setdefault(ack.client_id, ack)
            if (first.identity, first.seq) != (ack.identity, ack.seq):
                yield "doubled", f"{ack.client_id} was acked as {first.seq} and as {ack.seq}"
        for client_id, ack in told.items():
            if not any(_same(ack, copy) for copy in stored.get(client_id, ())):
                yield "lost", f"{client_id}, acked as {ack.seq} of {ack.room}"

    def _order_of_acks(self) -> "Iterator[Wrong]":
        """A message that is sent after an ack has a higher number than the acknowledged one,
        whoever sends it."""
        rooms: defaultdict[str, list[Ack]] = defaultdict(list)
        for ack in self.acks:
            rooms[ack.room].append(ack)
        for acks in rooms.values():
            begun = sorted(acks, key=lambda ack: ack.begun)
            known = iter(sorted(acks, key=lambda ack: ack.at))
            earlier, highest = next(known), 0
            for ack in begun:
                while earlier.at < ack.begun:
                    highest = max(highest, earlier.seq)
                    earlier = next(known)
                if ack.seq < highest:
                    yield "reordered", f"{ack.client_id} is {ack.seq}, begun after {highest}"

    def _order_of_sends(self) -> "Iterator[Wrong]":
        """A device's messages have numbers in the order of sending, even when it does not wait for
        the acks. This excludes messages that were sent again: they may come after later ones."""
        seqs = {ack.client_id: ack.seq for ack in self.acks}
        highest: defaultdict[tuple[str, str], int] = defaultdict(int)
        for client_id, sent in self.sent.items():  # in order of the first attempt
            if sent.attempts == 1 and client_id in seqs:
                seq, before = seqs[client_id], highest[sent.device, sent.room]
                if seq < before:
                    yield "reordered", f"{client_id} is {seq}, sent by {sent.device} after {before}"
                highest[sent.device, sent.room] = max(seq, before)

    def _phantoms(self, truth: Mapping[str, Sequence[Json]]) -> "Iterator[Wrong]":
        stored = {m["identity"]: m for messages in truth.values() for m in messages}
        for heard in self.received:
            message = stored.get(heard.identity)
            if message is None or not _same(heard, message):
                yield "phantom", f"{heard.device} heard {heard.seq} of {heard.room} ({heard.how})"
        for message in stored.values():
            sent = self.sent.get(message["client_id"])
            if sent is None or sent.digest != digest(message["data"]):
                yield "phantom", f"{message['client_id']} is stored and was not sent"


Wrong = tuple[str, str]


def _same(noted: Ack | Receive, message: Json) -> bool:
    return (noted.identity, noted.seq, noted.digest) == (
        message["identity"],
        message["seq"],
        digest(message["data"]),
    )


def longest(lists: Iterable[Sequence[Json]]) -> Sequence[Json]:
    return max(lists, key=len, default=())


def _histories(histories: Histories, truth: Mapping[str, Sequence[Json]]) -> Iterator[Wrong]:
    for room, messages in truth.items():
        for before, after in pairwise(message["seq"] for message in messages):
            if after == before:
                yield "doubled", f"{after} of {room} is used twice"
            elif after < before:
                yield "reordered", f"the history of {room} has {after} after {before}"
        for member, read in histories[room].items():
            yield from _compare(f"member {member}", room, read, messages)


def _screens(screens: Screens, truth: Mapping[str, Sequence[Json]]) -> Iterator[Wrong]:
    for device, rooms in screens.items():
        for room, shown in rooms.items():
            yield from _compare(device, room, shown, truth[room])


def _compare(
    who: str, room: str, shown: Sequence[Json], messages: Sequence[Json]
) -> Iterator[Wrong]:
    """Compares a list with the history: what it lacks, has twice, or has in another order."""
    position = {message["identity"]: number for number, message in enumerate(messages)}
    times = Counter(message["identity"] for message in shown)
    for message in messages:
        if message["identity"] not in times:
            yield "unseen", f"{who} does not have {message['seq']} of {room}"
    for message in shown:
        if message["identity"] not in position:
            yield "phantom", f"{who} has {message['seq']} of {room}"
    for identity, count in times.items():
        if count > 1:
            yield "doubled", f"{who} has {identity} of {room} {count} times"
    places = [position[m["identity"]] for m in shown if m["identity"] in position]
    for before, after in pairwise(places):
        if after < before:
            yield "reordered", f"{who} has {messages[after]['seq']} late in {room}"


class DeviceLog:
    """One device's access to the recorder (tests.system.clients.Log)."""

    def __init__(self, recorder: Recorder, name: str) -> None:
        self.recorder = recorder
        self.name = name

    def attempt(self, room: str, client_id: str, data: str) -> None:
        now = time.monotonic()
        sent = self.recorder.sent.setdefault(client_id, Sent(self.name, room, digest(data), now))
        sent.attempts += 1

    def refused(self, client_id: str, code: str) -> None:
        self.recorder.sent[client_id].refusals[code] += 1

    def acked(self, message: Json, repeated: bool) -> None:
        client_id = message["client_id"]
        begun = self.recorder.sent[client_id].begun
        ack = Ack(*_fields(message), begun, time.monotonic(), repeated)
        self.recorder.acks.append(ack)

    def received(self, message: Json, how: str) -> None:
        heard = Receive(self.name, *_fields(message), time.monotonic(), how)
        self.recorder.received.append(heard)


def _fields(message: Json) -> tuple[str, str, str, int, str]:
    return (
        message["room_identity"],
        message["client_id"],
        message["identity"],
        message["seq"],
        digest(message["data"]),
    )
