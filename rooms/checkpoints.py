"""How far each room had got a little while ago: where the search for its newest message starts."""

from collections.abc import Mapping

from pymongo import UpdateOne

from imsystem.backup.plan import batches
from imsystem.mongo.clients import collection_of
from rooms.models import Departure, Room


async def checkpoint_of(room_identity: str) -> int:
    """Returns the checkpoint of a room, 0 if there is no such room."""
    room = await collection_of(Room).find_one({"_id": room_identity}, {"last_seq": 1})
    return int(room["last_seq"]) if room else 0


async def move_checkpoints(seqs: Mapping[str, int]) -> None:
    """Moves the checkpoints of rooms forward; none moves back."""
    updates = [UpdateOne({"_id": room}, {"$max": {"last_seq": seq}}) for room, seq in seqs.items()]
    await collection_of(Room).bulk_write(updates, ordered=False)


async def all_checkpoints() -> dict[str, int]:
    """Returns the checkpoints of all rooms, those of deleted ones included (0).

    A room that was deleted is named by the departures, which were noted before: they are read
    second. Not by the messages themselves: SecantusDB looks through all of them, and senders
    waited 2 s meanwhile, at 100,000.
    """
    found = collection_of(Room).find({}, {"last_seq": 1})
    rooms = {row["_id"]: row["last_seq"] async for batch in batches(found) for row in batch}
    gone = collection_of(Departure).find({}, {"room_identity": 1})
    left = {row["room_identity"] async for batch in batches(gone) for row in batch}
    return dict.fromkeys(left, 0) | rooms
