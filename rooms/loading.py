"""Rooms and memberships for the socket's side and for lists: read for many users at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from imsystem.loops import PerLoop
from imsystem.mongo.clients import Document, find_in
from imsystem.mongo.instances import instance
from imsystem.mongo.shared_reads import SharedReads
from imsystem.realtime.followed import followed
from imsystem.realtime.topics import Scope
from rooms.choices import Kind
from rooms.models import Member, Room

# A user is in some rooms, a room may be in the list of each of its members.


async def _by(field: str, keys: Sequence[str]) -> dict[str, list[Document]]:
    """The membership documents by a field's value."""
    rows: defaultdict[str, list[Document]] = defaultdict(list)
    for row in await find_in(Member, field, keys):
        rows[row[field]].append(row)
    return rows


async def _read_memberships(users: Sequence[str]) -> dict[str, list[Document]]:
    return await _by("user_identity", users)


async def _read_rooms(identities: Sequence[str]) -> dict[str, Room]:
    found = await find_in(Room, "_id", identities)
    return {row["_id"]: instance(Room, row) for row in found}


async def _read_pairs(rooms: Sequence[str]) -> dict[str, dict[str, bool]]:
    found = await _by("room_identity", rooms)
    return {room: {row["user_identity"]: row["hidden"] for row in found[room]} for room in rooms}


_memberships = PerLoop(lambda: SharedReads(_read_memberships))

# Kept for half a minute. Their last_seq and revision are old: chat/heads.py knows the present.
known_rooms = followed(_read_rooms, Scope.ROOM)
# Who is in a direct room (identities), and whether they have deleted their side of it.
pairs = followed(_read_pairs, Scope.ROOM)


async def memberships(user_identity: str) -> list[Member]:
    """All memberships of a user, never from memory."""
    return [instance(Member, row) for row in await membership_rows(user_identity)]


async def membership_rows(user_identity: str) -> list[Document]:
    """The same as documents: for who needs a few fields of many, half the time."""
    return await _memberships().get(user_identity) or []


async def floors_of(users: Sequence[str]) -> dict[str, dict[str, int]]:
    """Returns the rooms of each of these users, with the floor that they have in each."""
    fields = {"user_identity": 1, "room_identity": 1, "floor_seq": 1}
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in await find_in(Member, "user_identity", users, fields):
        found[row["user_identity"]][row["room_identity"]] = row["floor_seq"]
    return found


def is_shared(pair: Mapping[str, bool]) -> bool:
    """Whether both are in a conversation (user -> whether they have deleted their side)."""
    return len(pair) == 2 and not any(pair.values())


async def shared_rooms_of(users: Sequence[str]) -> dict[str, list[str]]:
    """Returns the identities of the direct rooms of each of these users that neither of both has
    deleted."""
    floors = await floors_of(users)
    identities = list({room for rooms in floors.values() for room in rooms})
    rooms = await find_in(Room, "_id", identities, {"_id": 1}, kind=Kind.DIRECT.value)
    both = await pairs().get([room["_id"] for room in rooms])
    shared = {room for room, pair in both.items() if is_shared(pair)}
    return {user: [room for room in floors[user] if room in shared] for user in floors}
