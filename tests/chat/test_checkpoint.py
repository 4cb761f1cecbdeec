"""Checkpoints: every room that has advanced is written in the end, a few at a time."""

import pytest
from pymongo.errors import AutoReconnect

from chat.checkpoint import FEW, Checkpoints
from chat.journal import current_journal
from imsystem.mongo.clients import collection_of
from rooms import checkpoints
from rooms.models import Room

ROOMS = [f"{number:024d}" for number in range(FEW + 2)]


@pytest.fixture(autouse=True)
async def rooms() -> None:
    current_journal().advanced = {}
    await collection_of(Room).insert_many(
        [{"_id": room, "number": room, "last_seq": 0} for room in ROOMS]
    )


async def written() -> list[int]:
    rows = await collection_of(Room).find({"_id": {"$in": ROOMS}}).sort("_id").to_list()
    return [row["last_seq"] for row in rows]


async def test_a_few_at_a_time_and_who_waits_longest_first() -> None:
    writer = Checkpoints()
    current_journal().advanced = dict.fromkeys(ROOMS, 7)
    await writer.write_some()
    assert await written() == [7] * FEW + [0, 0]
    current_journal().advanced = {ROOMS[0]: 9, ROOMS[-1]: 8}
    await writer.write_some()
    assert await written() == [9] + [7] * (FEW - 1) + [7, 8]


async def test_a_checkpoint_never_goes_back() -> None:
    writer = Checkpoints()
    current_journal().advanced = {ROOMS[0]: 9}
    await writer.write_some()
    current_journal().advanced = {ROOMS[0]: 5}
    await writer.write_some()
    assert (await written())[0] == 9


async def test_what_could_not_be_written_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Checkpoints()
    current_journal().advanced = {ROOMS[0]: 9}

    class Gone:
        async def bulk_write(self, *args: object, **options: object) -> None:
            raise AutoReconnect("gone")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "collection_of", lambda model: Gone())
        with pytest.raises(AutoReconnect):
            await writer.write_some()
    await writer.write_some()
    assert (await written())[0] == 9
