"""The revision of a room: how often messages of the room have changed."""

from collections.abc import Sequence

from pymongo.asynchronous.client_session import AsyncClientSession

from imsystem.errors import NotFound
from imsystem.mongo.clients import collection_of, find_in
from imsystem.mongo.retry import OvertakenError
from rooms.models import Room


async def current_revision(room_identity: str, session: AsyncClientSession) -> int:
    """Returns the revision as the session's transaction sees it. Raises NotFound without a room."""
    room = await collection_of(Room).find_one(
        {"_id": room_identity}, {"revision": 1}, session=session
    )
    if room is None:
        raise NotFound
    return int(room["revision"])


async def revisions_of(room_identities: Sequence[str]) -> dict[str, int]:
    """Returns the revisions of those of the rooms that exist."""
    found = await find_in(Room, "_id", room_identities, {"revision": 1})
    return {row["_id"]: row["revision"] for row in found}


async def advance_revision(
    room_identity: str, session: AsyncClientSession, *, before: int, after: int
) -> None:
    """Moves the revision on inside the session's transaction. Raises OvertakenError if it is not
    `before` any more."""
    taken = await collection_of(Room).update_one(
        {"_id": room_identity, "revision": before},
        {"$set": {"revision": after}},
        session=session,
    )
    if taken.matched_count != 1:
        raise OvertakenError
