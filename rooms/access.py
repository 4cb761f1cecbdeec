"""The access gate: load and authorise in one step, on every command.

Each process keeps an Access as one value. A change of the room or of its members is announced as
`Changed` (announce.py) and takes effect at once; while the channel layer is ill nothing is
announced, so nothing is kept either (imsystem/realtime/followed.py).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter

from imsystem.errors import NotFound
from imsystem.ids import is_identity
from imsystem.mongo.clients import Document, collection_of
from imsystem.mongo.instances import instance
from imsystem.realtime.followed import Moment, followed
from imsystem.realtime.hub import current_hub
from imsystem.realtime.topics import Scope
from rooms.loading import known_rooms, membership_rows
from rooms.models import Member, Room
from rooms.policies import Access

# The room and the user.
Key = tuple[str, str]


async def access(user_identity: str, room_identity: str) -> Access:
    """Returns the user's access to the room.

    Raises NotFound for strangers, unknown rooms and malformed identities alike.
    """
    key = (room_identity, user_identity)
    known = _accesses().known(key)
    if known is not None:
        return known
    found = await _accesses().get([key]) if is_identity(room_identity) else {}
    if key not in found:
        raise NotFound
    return found[key]


async def accesses(
    user_identity: str, room_identities: Iterable[str]
) -> tuple[dict[str, Access], int]:
    """Returns the user's access to those of the rooms that they are in, and how many memberships
    were read for it. However many rooms somebody names, only the user's memberships and the rooms
    of these are read."""
    known = {room: _accesses().known((room, user_identity)) for room in room_identities}
    if None not in known.values():
        return {room: found for room, found in known.items() if found is not None}, 0
    current_hub().start()  # from now on this process hears of changes
    moment = checked_now()
    rows = await membership_rows(user_identity)
    members = [instance(Member, row) for row in rows if row["room_identity"] in known]
    rooms = await known_rooms().get([member.room_id for member in members])
    theirs = remember(members, rooms, moment)
    return {room: theirs[room] for room in known if room in theirs}, len(rows)


def remember(
    members: Iterable[Member], rooms: Mapping[str, Room], moment: Moment
) -> dict[str, Access]:
    """Keeps the access that memberships of one user give, and returns it by room. The memberships
    and `rooms` were read after this moment (`checked_now`)."""
    read = {
        (member.room_id, member.user_id): Access.of(member, rooms[member.room_id])
        for member in members
        if member.room_id in rooms
    }
    _accesses().keep(read, moment)
    return {room: found for (room, _user), found in read.items()}


async def _read(keys: Sequence[Key]) -> dict[Key, Access]:
    rows, rooms = await asyncio.gather(
        asyncio.gather(*map(_read_row, keys)), known_rooms().get([room for room, _user in keys])
    )
    return {
        key: Access.of(instance(Member, row), rooms[key[0]])
        for key, row in zip(keys, rows, strict=True)
        if row is not None and key[0] in rooms
    }


async def _read_row(key: Key) -> Document | None:
    room_identity, user_identity = key
    return await collection_of(Member).find_one(
        {"room_identity": room_identity, "user_identity": user_identity}
    )


_room_of: Callable[[Key], str] = itemgetter(0)
_accesses = followed(_read, Scope.ROOM, about=_room_of)


def checked_now() -> Moment:
    """Returns a moment, for `changed_since`."""
    return _accesses().moment()


def changed_since(room_identity: str, moment: Moment) -> bool:
    """Whether what `access` returned then may be wrong by now: somebody was removed or muted, or
    the room has new rules."""
    return _accesses().changed_since(room_identity, moment)
