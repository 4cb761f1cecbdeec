"""Rooms and memberships for the socket's side and for lists: read for many users at once."""

from collections import defaultdict
from collections.abc import Sequence

from imsystem.loops import PerLoop
from imsystem.mongo.clients import Document, find_in
from imsystem.mongo.instances import instance
from imsystem.mongo.shared_reads import SharedReads
from imsystem.realtime.followed import followed
from imsystem.realtime.topics import Scope
from rooms.models import Member, Room

# A user is in some rooms, a room may be in the list of each of its members.


async def _by(field: str, keys: Sequence[str]) -> dict[str, list[Document]]:
    """The membership documents by a field's value."""
    rows: defaultdict[str, list[Document]] = defaultdict(list)
    for row in await find_in("user_room", field, keys):
        rows[row[field]].append(row)
    return rows


async def _read_memberships(users: Sequence[str]) -> dict[str, list[Document]]:
    return await _by("user_identity", users)


async def _read_rooms(identities: Sequence[str]) -> dict[str, Room]:
    found = await find_in("room_basic", "_id", identities)
    return {row["_id"]: instance(Room, row) for row in found}


async def _read_pairs(rooms: Sequence[str]) -> dict[str, dict[str, bool]]:
    found = await _by("room_identity", rooms)
    return {room: {row["user_identity"]: row["hidden"] for row in found[room]} for room in rooms}


_memberships = PerLoop(lambda: SharedReads(_read_memberships))

# Kept for half a minute. Their last_seq and revision are old: rooms/heads.py knows the present.
known_rooms = followed(_read_rooms, Scope.ROOM)
# Who is in a direct room (identities), and whether they have deleted their side of it.
pairs = followed(_read_pairs, Scope.ROOM)


async def memberships(user_identity: str) -> list[Member]:
    """All memberships of a user, never from memory."""
    return [instance(Member, row) for row in await membership_rows(user_identity)]


async def membership_rows(user_identity: str) -> list[Document]:
    """The same as documents: for who needs a few fields of many, half the time."""
    return await _memberships().get(user_identity) or []
