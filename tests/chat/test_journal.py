"""The journal against real databases: one order, no doubles, no losses."""

import asyncio
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, DuplicateKeyError

from chat import journal as journal_module
from chat import sequence
from chat.gaps import SETTLE_MS
from chat.heads import room_head
from chat.journal import Journal
from chat.kinds import Content
from chat.payloads import VOID
from chat.selectors import history
from chat.sequence import SequenceAllocator, stored_head
from chat.submission import Entry, Stored, Submission
from imsystem.clock import now_ms
from imsystem.errors import NotFound, Unavailable
from imsystem.ids import new_identity
from imsystem.mongo.clients import collection
from imsystem.realtime.hub import current_hub
from imsystem.redis import async_redis, key
from tests.conftest import Cast

ROOM = "a" * 24
ALICE, BOB = "b" * 24, "c" * 24


def submission(client_id: str, user: str = ALICE, room: str = ROOM, data: str = "hi") -> Submission:
    return Submission(room, user, client_id, Content(data=data))


async def stored(room: str = ROOM) -> list[dict[str, Any]]:
    """Returns the room's messages without the numbers that are known to be unused."""
    return [row for row in await taken(room) if row["kind"] != VOID]


async def taken(room: str = ROOM) -> list[dict[str, Any]]:
    return await collection("message_basic").find({"room_identity": room}).sort("seq").to_list()


async def send(journal: Journal, *items: Submission) -> list[Stored]:
    return await asyncio.gather(*(journal.submit(item) for item in items))


@pytest.fixture(autouse=True)
def _everybody_may_send(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most rooms here have no members. On a machine so busy that the hub misses its beats, the
    journal looks for them."""
    monkeypatch.setattr(journal_module, "changed_since", lambda room, when: False)


async def test_200_concurrent_senders_get_one_dense_order() -> None:
    journal = Journal()
    senders = [new_identity() for _ in range(200)]

    async def one(sender: str) -> list[int]:
        return [
            (await journal.submit(submission(f"c{number}", sender))).message["seq"]
            for number in range(5)
        ]

    seqs = await asyncio.gather(*(one(sender) for sender in senders))
    assert sorted(seq for mine in seqs for seq in mine) == list(range(1, 1_001))
    assert all(mine == sorted(mine) for mine in seqs)
    assert [row["seq"] for row in await stored()] == list(range(1, 1_001))


async def test_one_sender_keeps_the_order_of_submitting() -> None:
    journal = Journal()
    results = await send(journal, *(submission(f"c{number}") for number in range(600)))
    assert [result.message["seq"] for result in results] == list(range(1, 601))


async def test_two_journals_share_a_room_without_a_double() -> None:
    journals = [Journal(), Journal()]
    results = await asyncio.gather(
        *(journals[number % 2].submit(submission(f"c{number}")) for number in range(300))
    )
    assert sorted(result.message["seq"] for result in results) == list(range(1, 301))


async def test_sending_again_gives_the_first_message_back() -> None:
    journal = Journal()
    (first,) = await send(journal, submission("c", data="one"))
    (again,) = await send(journal, submission("c", data="two"))
    assert again == Stored(first.message, duplicate=True)
    assert len(await stored()) == 1


async def test_sending_again_while_the_first_is_on_its_way() -> None:
    journal = Journal()
    first, again = await send(journal, submission("c"), submission("c"))
    assert (first.duplicate, again.duplicate) == (False, True)
    assert first.message == again.message


async def test_sending_again_through_another_process_leaves_no_hole() -> None:
    (first,) = await send(Journal(), submission("c"))
    other = Journal()
    (again,) = await send(other, submission("c"))
    assert again.duplicate
    assert again.message["identity"] == first.message["identity"]
    (after,) = await send(other, submission("d"))
    assert after.message["seq"] == 2


async def test_many_repeats_among_new_messages() -> None:
    old = [submission(f"old{number}") for number in range(20)]
    await send(Journal(), *old)
    fresh = [submission(f"new{number}") for number in range(20)]
    mixed = [item for pair in zip(old, fresh, strict=True) for item in pair]
    results = await send(Journal(), *mixed)
    assert [result.duplicate for result in results] == [True, False] * 20
    assert len(await stored()) == 40
    # No gap that readers would wait for: unused numbers are made final at once.
    rows = await taken()
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))


async def test_processes_that_meet_in_a_room_leave_no_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process looks for the head while the other stores: that does not make its counter
    wrong."""
    late, early = Journal(), Journal()
    find_head = sequence.stored_head

    async def look_slowly(room: str) -> int:
        monkeypatch.setattr(sequence, "stored_head", find_head)
        await send(early, *(submission(f"early{number}") for number in range(5)))
        return await find_head(room)

    monkeypatch.setattr(sequence, "stored_head", look_slowly)
    (result,) = await send(late, submission("late"))
    assert result.message["seq"] == 6
    assert [row["seq"] for row in await taken()] == [1, 2, 3, 4, 5, 6]


async def test_a_counter_that_went_back_changes_no_order() -> None:
    """The first numbers it hands out are taken, the later ones are free."""
    one, another = Journal(), Journal()
    await send(one, submission("first"))
    await send(another, *(submission(f"theirs{number}", BOB) for number in range(5)))
    await async_redis().decrby(key("seq", ROOM), 3)
    results = await send(one, *(submission(f"mine{number}") for number in range(5)))
    seqs = [result.message["seq"] for result in results]
    assert seqs == sorted(seqs)
    numbers = [row["seq"] for row in await taken()]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_lost_counter_leaves_no_hole() -> None:
    """The counter begins at 1 again, and several messages at once take it beyond the newest
    message."""
    journal = Journal()
    await send(journal, submission("a"), submission("b"))
    await async_redis().delete(key("seq", ROOM))
    await send(journal, *(submission(f"c{number}") for number in range(4)))
    assert [row["seq"] for row in await taken()] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [row["seq"] for row in await stored()] == [1, 2, 5, 6, 7, 8]


async def test_a_failed_insert_is_settled_when_the_database_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of its messages is stored all the same and announced; the other's number is made
    final."""
    announced: list[int] = []
    numbered = Journal._number

    async def number_and_break(journal: Journal, batch: Any) -> None:
        await numbered(journal, batch)
        await collection("message_basic").insert_one(batch[0].document)
        raise AutoReconnect

    monkeypatch.setattr(Journal, "_number", number_and_break)
    monkeypatch.setattr(current_hub(), "publish", lambda event: announced.append(event.seq))
    journal = Journal()
    items = (submission("c1"), submission("c2"))
    outcomes = await asyncio.gather(*map(journal.submit, items), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    async with asyncio.timeout(5):
        while not announced:
            await asyncio.sleep(0.05)
    assert announced == [1]
    assert [(row["seq"], row["kind"]) for row in await taken()] == [(1, "text"), (2, VOID)]


class Held(Journal):
    """A journal that stores nothing until `gate` is set; `stored` is what it was about to store,
    batch by batch."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.batches: list[list[str]] = []
        self.error: Exception | None = None

    async def _insert(self, batch: list[Entry]) -> list[Entry]:
        self.batches.append([entry.submission.client_id for entry in batch])
        await self.gate.wait()
        if self.error:
            raise self.error
        return await super()._insert(batch)

    async def until_numbered(self, count: int) -> None:
        """Waits for so many numbered messages behind the batch that is held up."""
        async with asyncio.timeout(5):
            while not self.batches or sum(map(len, self._numbered)) < count:
                await asyncio.sleep(0.005)


async def test_the_next_are_numbered_while_a_batch_is_stored() -> None:
    journal = Held()
    first = journal.submit(submission("a1", ALICE))
    await journal.until_numbered(0)
    others = [journal.submit(submission(name, ALICE, name * 12)) for name in ("b1", "c1")]
    await journal.until_numbered(2)
    journal.gate.set()
    results = await asyncio.gather(first, *others)
    assert [result.message["seq"] for result in results] == [1, 1, 1]
    assert journal.batches == [["a1"], ["b1", "c1"]]


async def test_a_room_has_no_second_message_under_way_before_the_first_is_stored() -> None:
    """Otherwise the first could be refused its number and be stored after the second."""
    journal = Held()
    first = journal.submit(submission("a1", ALICE))
    await journal.until_numbered(0)
    second, other = (
        journal.submit(submission("a2", BOB)),
        journal.submit(submission("b1", room="b" * 24)),
    )
    await journal.until_numbered(1)
    # Another process takes the number of the first.
    await send(Journal(), submission("z", user="d" * 24))
    await collection("message_basic").update_one({"client_id": "z"}, {"$set": {"seq": 1}})
    journal.gate.set()
    results = await asyncio.gather(first, second, other)
    assert journal.batches == [["a1"], ["b1"], ["a1", "a2"]]
    assert [result.message["seq"] for result in results] == [3, 4, 1]


async def test_a_room_whose_senders_were_all_removed_is_not_kept_waiting(
    monkeypatch: pytest.MonkeyPatch, cast: Cast
) -> None:
    journal, room = Journal(), cast.room.pk
    monkeypatch.setattr(journal_module, "changed_since", lambda room, when: True)
    refused = await asyncio.gather(
        journal.submit(submission("c", cast.outsider.pk, room)), return_exceptions=True
    )
    assert [type(error) for error in refused] == [NotFound]
    (stored,) = await send(journal, submission("d", cast.owner.pk, room))
    assert stored.message["seq"] == 2


async def test_an_outage_refuses_who_has_a_number_and_frees_the_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal = Held()
    first = journal.submit(submission("a1", ALICE))
    await journal.until_numbered(0)
    second = journal.submit(submission("b1", room="b" * 24))
    await journal.until_numbered(1)
    journal.error = AutoReconnect("gone")
    journal.gate.set()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    journal.error = None
    again = await send(journal, submission("a1", ALICE), submission("b1", room="b" * 24))
    async with asyncio.timeout(5):
        while len(await taken()) + len(await taken("b" * 24)) < 4:
            await asyncio.sleep(0.05)
    for room in (ROOM, "b" * 24):
        assert [(row["seq"], row["kind"]) for row in await taken(room)] == [(1, VOID), (2, "text")]
    assert [result.message["seq"] for result in again] == [2, 2]


async def test_two_users_and_two_rooms_may_use_one_client_id() -> None:
    results = await send(
        Journal(), submission("c"), submission("c", user=BOB), submission("c", room="d" * 24)
    )
    assert [(result.message["seq"], result.duplicate) for result in results] == [
        (1, False), (2, False), (1, False),
    ]  # fmt: skip


@pytest.mark.parametrize("counter", [None, "1", "5"])
async def test_a_lost_or_stale_counter_gives_no_seq_twice(counter: str | None) -> None:
    journal = Journal()
    await send(journal, *(submission(f"c{number}") for number in range(10)))
    await async_redis().delete(key("seq", ROOM))
    if counter is not None:
        await async_redis().set(key("seq", ROOM), counter)
    same, fresh = await asyncio.gather(
        send(journal, submission("same process")), send(Journal(), submission("fresh process"))
    )
    assert {same[0].message["seq"], fresh[0].message["seq"]} == {11, 12}


@pytest.mark.parametrize("repeat", range(10))
async def test_a_counter_lost_under_load_gives_no_seq_twice(repeat: int) -> None:
    journals = [Journal(), Journal()]

    async def one(number: int) -> None:
        for turn in range(5):
            await journals[number % 2].submit(submission(f"c{number}-{turn}"))

    async def lose() -> None:
        await asyncio.sleep(0.005 * (repeat + 1))
        await async_redis().flushdb()

    await asyncio.gather(lose(), *(one(number) for number in range(40)))
    rows = await stored()
    assert len(rows) == 200
    assert len({row["seq"] for row in rows}) == 200


async def test_the_drivers_own_second_try_is_no_duplicate() -> None:
    """The driver repeats an insert whose answer was lost, and finds our own documents in the
    way."""
    journal = Journal()
    number = journal._number

    async def number_and_insert(batch: Any) -> None:
        await number(batch)
        await collection("message_basic").insert_many([dict(entry.document) for entry in batch])

    journal._number = number_and_insert  # type: ignore[method-assign]
    results = await send(journal, submission("c1"), submission("c2"))
    assert [(result.message["seq"], result.duplicate) for result in results] == [
        (1, False), (2, False),
    ]  # fmt: skip


async def test_an_unused_number_is_sealed_and_never_used(cast: Cast) -> None:
    room, owner = cast.room.pk, cast.owner.pk
    numbers = SequenceAllocator()
    journal = Journal()
    await send(journal, submission("c1", owner, room))
    assert await numbers.allocate({room: 1}) == {room: 2}  # the process dies here
    await send(journal, submission("c3", owner, room))

    page = await history(user_identity=owner, room_identity=room)
    assert ([m["seq"] for m in page["messages"]], page["complete_to"]) == ([1, 3], 1)

    await collection("message_basic").update_many(
        {"room_identity": room}, {"$set": {"created_at": now_ms() - SETTLE_MS - 1_000}}
    )
    page = await history(user_identity=owner, room_identity=room)
    assert ([m["seq"] for m in page["messages"]], page["complete_to"]) == ([1, 3], 3)

    late = {**(await stored(room))[0], "_id": new_identity(), "client_id": "late", "seq": 2}
    with pytest.raises(DuplicateKeyError):
        await collection("message_basic").insert_one(late)


async def test_a_hole_longer_than_a_page_does_not_stop_readers(cast: Cast) -> None:
    """As after an outage in which hundreds of numbers were taken in vain."""
    room, owner = cast.room.pk, cast.owner.pk
    journal = Journal()
    await send(journal, submission("c1", owner, room))
    await async_redis().incrby(key("seq", room), 700)
    await send(journal, submission("c702", owner, room))

    async def reached(after: int) -> int:
        page = await history(user_identity=owner, room_identity=room, after=after, limit=100)
        return page["complete_to"]

    assert await reached(1) == 1
    await collection("message_basic").update_many(
        {"room_identity": room}, {"$set": {"created_at": now_ms() - SETTLE_MS - 1_000}}
    )
    assert [await reached(after) for after in (1, 101, 601)] == [101, 201, 701]


async def test_the_head_is_found_without_counter_and_checkpoint() -> None:
    await send(Journal(), *(submission(f"c{number}") for number in range(30)))
    await async_redis().flushdb()
    assert await stored_head(ROOM) == 30
    assert (await room_head(ROOM)).last_seq == 30


async def test_a_failed_batch_tells_everybody_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal()

    async def refuse(*_args: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(journal, "_number", refuse)
    outcomes = await asyncio.gather(
        *(journal.submit(submission(f"c{number}")) for number in range(300)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    monkeypatch.undo()
    assert (await journal.submit(submission("c0"))).message["seq"] == 1
