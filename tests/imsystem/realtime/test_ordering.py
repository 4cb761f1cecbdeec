"""New messages are delivered in order of seq, whatever comes late, twice or never."""

import asyncio
import random

import pytest

from imsystem.realtime import ordering
from imsystem.realtime.events import Deliver
from imsystem.realtime.ordering import Pulled, RoomOrder
from imsystem.realtime.topics import Topic, room_topic

ROOM = room_topic("0" * 24)


class Stored:
    """MongoDB as the hub sees it: the messages that are there, and how far no others can come."""

    def __init__(self) -> None:
        self.seqs: set[int] = set()
        self.final = 0
        self.asked: list[tuple[int, int]] = []
        self.fails: Exception | None = None

    async def pull(self, topic: Topic, after: int, up_to: int) -> Pulled:
        self.asked.append((after, up_to))
        if self.fails:
            raise self.fails
        found = [message(seq) for seq in sorted(self.seqs) if after < seq <= up_to]
        return Pulled(found, min(max(self.final, after), up_to))


def message(seq: int) -> Deliver:
    return Deliver(ROOM, str(seq), seq=seq)


class Room:
    """A room of a hub: what came out of it, call by call, and how often something was passed
    over."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.lost = 0
        self.order = RoomOrder(self._deliver, self._passed_over)

    def _deliver(self, events: list[Deliver]) -> None:
        self.calls.append([event.seq for event in events])

    def _passed_over(self) -> None:
        self.lost += 1

    def put(self, *seqs: int) -> None:
        for seq in seqs:
            self.order.put([message(seq)])

    @property
    def heard(self) -> list[int]:
        return [seq for call in self.calls for seq in call]

    async def hears(self, *seqs: int) -> bool:
        async with asyncio.timeout(5):
            while self.heard != list(seqs):
                await asyncio.sleep(0.005)
        return True


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Stored:
    for name in ("HOLD_S", "PULL_AGAIN_S"):
        monkeypatch.setattr(ordering, name, 0.02)
    found = Stored()
    monkeypatch.setattr(ordering, "_pulls", [found.pull])
    return found


@pytest.fixture
def room(stored: Stored) -> Room:
    made = Room()
    made.order.begin(ROOM, 1)
    return made


async def test_a_gap_is_filled_before_later_messages(room: Room, stored: Stored) -> None:
    stored.seqs, stored.final = {3, 4}, 4
    room.put(2, 5, 6)
    assert room.heard == [2]
    assert await room.hears(2, 3, 4, 5, 6)
    assert room.calls == [[2], [3, 4, 5, 6]]  # and in one write
    assert stored.asked == [(2, 4)]


async def test_a_gap_that_stays_open_is_waited_for(room: Room, stored: Stored) -> None:
    room.put(3)
    while len(stored.asked) < 3:
        await asyncio.sleep(0.005)
    assert room.heard == []
    stored.final = 2  # sealed: it never comes
    assert await room.hears(3)
    assert room.lost == 0


async def test_what_comes_meanwhile_ends_the_wait(room: Room, stored: Stored) -> None:
    room.put(3)
    while not stored.asked:
        await asyncio.sleep(0.005)
    room.put(2)
    assert room.heard == [2, 3]
    await asyncio.sleep(0.06)
    assert len(stored.asked) == 1


async def test_several_gaps(room: Room, stored: Stored) -> None:
    stored.seqs, stored.final = {2, 4}, 4
    room.put(3, 5, 8)
    assert await room.hears(2, 3, 4, 5)
    stored.final = 7
    assert await room.hears(2, 3, 4, 5, 8)


async def test_what_was_delivered_is_not_delivered_again(room: Room, stored: Stored) -> None:
    stored.seqs, stored.final = {2}, 2
    room.put(3)
    assert await room.hears(2, 3)
    room.put(2, 3, 4, 4)  # announced late, and twice
    assert room.heard == [2, 3, 4]


async def test_what_was_on_its_way_at_the_beginning_may_come_later(stored: Stored) -> None:
    room = Room()
    room.order.begin(ROOM, 6)  # of which 5 was not stored yet
    room.put(7, 5, 8)
    assert room.heard == [7, 5, 8]


@pytest.mark.parametrize("fails", [None, ConnectionError("no MongoDB"), ValueError("a bug")])
async def test_what_cannot_be_pulled_is_passed_over_in_order(
    room: Room, stored: Stored, fails: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordering, "GIVE_UP_S", 0.1)
    stored.fails = fails
    room.put(5, 3)
    assert await room.hears(3, 5)
    assert room.lost == 1  # the sweep tells the clients
    room.put(4, 2, 6)
    assert room.heard == [3, 5, 6]


async def test_what_is_held_is_bounded(
    room: Room, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordering, "MAX_HELD", 3)
    room.put(3, 4, 5)
    assert room.heard == []
    room.put(7)
    assert room.heard == [3, 4, 5, 7]
    assert room.lost == 1


async def test_a_room_that_nobody_is_in_any_more_is_forgotten(room: Room, stored: Stored) -> None:
    room.put(3)
    while not stored.asked:
        await asyncio.sleep(0.005)
    room.order.forget(ROOM)
    await asyncio.sleep(0.06)
    assert len(stored.asked) <= 2
    room.put(9)
    assert room.heard == [9]


@pytest.mark.parametrize("repeat", range(20))
async def test_any_order_of_arrival_comes_out_sorted(
    room: Room, stored: Stored, repeat: int
) -> None:
    rng = random.Random(repeat)
    seqs = list(range(2, 40))
    announced = [seq for seq in seqs if rng.random() < 0.8] + [40]
    stored.seqs, stored.final = set(seqs), 39
    shuffled = sorted(announced, key=lambda seq: seq + rng.uniform(0, 6))
    for seq in shuffled:
        room.put(seq)
        if rng.random() < 0.2:
            await asyncio.sleep(0.005)
    assert await room.hears(*range(2, 41))
