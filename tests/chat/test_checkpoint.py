"""Checkpoints: every room that has advanced is written in the end, a few at a time."""

import pytest
from pymongo.errors import AutoReconnect

from chat import checkpoint
from chat.checkpoint import FEW, Checkpoints
from chat.journal import current_journal
from imsystem.mongo.clients import collection

ROOMS = [f"{number:024d}" for number in range(FEW + 2)]


@pytest.fixture(autouse=True)
async def rooms() -> None:
    current_journal().advanced = {}
    await collection("room_basic").insert_many(
        [{"_id": room, "number": room, "last_seq": 0} for room in ROOMS]
    )


async def written() -> list[int]:
    rows = await collection("room_basic").find({"_id": {"$in": ROOMS}}).sort("_id").to_list()
    return [row["last_seq"] for row in rows]


async def test_a_few_at_a_time_and_who_waits_longest_first() -> None:
    checkpoints = Checkpoints()
    current_journal().advanced = dict.fromkeys(ROOMS, 7)
    await checkpoints.write_some()
    assert await written() == [7] * FEW + [0, 0]
    current_journal().advanced = {ROOMS[0]: 9, ROOMS[-1]: 8}
    await checkpoints.write_some()
    assert await written() == [9] + [7] * (FEW - 1) + [7, 8]


async def test_a_checkpoint_never_goes_back() -> None:
    checkpoints = Checkpoints()
    current_journal().advanced = {ROOMS[0]: 9}
    await checkpoints.write_some()
    current_journal().advanced = {ROOMS[0]: 5}
    await checkpoints.write_some()
    assert (await written())[0] == 9


async def test_what_could_not_be_written_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints()
    current_journal().advanced = {ROOMS[0]: 9}

    class Gone:
        async def bulk_write(self, *args: object, **options: object) -> None:
            raise AutoReconnect("gone")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "collection", lambda name: Gone())
        with pytest.raises(AutoReconnect):
            await checkpoints.write_some()
    await checkpoints.write_some()
    assert (await written())[0] == 9
