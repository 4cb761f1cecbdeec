"""The revision of a room: how often messages of the room have changed."""

from pymongo.asynchronous.client_session import AsyncClientSession

from imsystem.errors import NotFound
from imsystem.mongo.clients import collection
from imsystem.mongo.retry import OvertakenError


async def current_revision(room_identity: str, session: AsyncClientSession) -> int:
    """Returns the revision as the session's transaction sees it. Raises NotFound without a room."""
    room = await collection("room_basic").find_one(
        {"_id": room_identity}, {"revision": 1}, session=session
    )
    if room is None:
        raise NotFound
    return int(room["revision"])


async def advance_revision(
    room_identity: str, session: AsyncClientSession, *, before: int, after: int
) -> None:
    """Moves the revision on inside the session's transaction. Raises OvertakenError if it is not
    `before` any more."""
    taken = await collection("room_basic").update_one(
        {"_id": room_identity, "revision": before},
        {"$set": {"revision": after}},
        session=session,
    )
    if taken.matched_count != 1:
        raise OvertakenError
