"""The gate: load and authorise in one step, on every command.

Memberships are cached in each process. A change is announced as `Changed` (services.py) and takes
effect at once; while the channel layer is ill nothing is announced, so nothing is cached either.
"""

import time
from collections.abc import Iterable
from typing import Any

from imsystem.errors import NotFound
from imsystem.ids import is_identity
from imsystem.mongo.clients import collection_of
from imsystem.realtime import events as ev
from imsystem.realtime.hub import current_hub, observe
from imsystem.realtime.topics import EVERYTHING, Scope, identity_in
from rooms.loading import membership_rows
from rooms.models import Member
from rooms.policies import Access
from rooms.selectors import access_of

CACHE_S = 30.0
MAX_CACHED_ROOMS = 10_000

# room -> user -> (access, when it was read)
_cache: dict[str, dict[str, tuple[Access, float]]] = {}


async def access(user_identity: str, room_identity: str) -> Access:
    """The user's standing in the room.

    Raises NotFound for strangers, unknown rooms and malformed identities alike.
    """
    return _cached(user_identity, room_identity) or await _read(user_identity, room_identity)


async def accesses(
    user_identity: str, room_identities: Iterable[str]
) -> tuple[dict[str, Access], int]:
    """Returns the user's standing in those of the rooms that they are in, and how many memberships
    were read for it. One query at most, however many rooms: it reads the user's memberships, not
    those of rooms that somebody names."""
    known = {room: _cached(user_identity, room) for room in room_identities}
    found = {room: standing for room, standing in known.items() if standing is not None}
    if len(found) == len(known):
        return found, 0
    current_hub().start()  # from now on this process hears of changes
    moment = checked_now()
    rows = await membership_rows(user_identity)
    theirs = {row["room_identity"]: _from_row(user_identity, row) for row in rows}
    _remember_all(theirs.values(), moment)
    return {room: theirs[room] for room in known if room in theirs}, len(rows)


def _cached(user_identity: str, room_identity: str) -> Access | None:
    cached = _cache.get(room_identity, {}).get(user_identity)
    if cached and current_hub().healthy and time.monotonic() - cached[1] < CACHE_S:
        return cached[0]
    return None


async def _read(user_identity: str, room_identity: str) -> Access:
    if not is_identity(room_identity):
        raise NotFound
    hub = current_hub()
    hub.start()  # from now on this process hears of changes
    started, epoch = time.monotonic(), hub.epoch
    row = await collection_of(Member).find_one(
        {"room_identity": room_identity, "user_identity": user_identity},
        dict.fromkeys(("room_identity", "role", "muted_until", "joined_seq", "floor_seq"), 1),
    )
    if row is None:
        raise NotFound
    found = _from_row(user_identity, row)
    if hub.healthy:
        _remember(found, started, epoch)
    return found


def _from_row(user_identity: str, row: dict[str, Any]) -> Access:
    return Access(
        user_identity=user_identity,
        room_identity=row["room_identity"],
        role=row["role"],
        muted_until=row["muted_until"],
        joined_seq=row["joined_seq"],
        floor_seq=row["floor_seq"],
    )


def remember(members: Iterable[Member], moment: tuple[float, int]) -> None:
    """Keeps what memberships say that were read after this moment (`checked_now`)."""
    _remember_all(map(access_of, members), moment)


def _remember_all(found: Iterable[Access], moment: tuple[float, int]) -> None:
    if current_hub().healthy:
        for each in found:
            _remember(each, *moment)


def _remember(found: Access, started: float, epoch: int) -> None:
    """Keeps an answer, unless something has changed since it was asked for."""
    changed = _changed_at.get(found.room_identity, 0.0)
    if changed >= started or current_hub().epoch != epoch:
        return
    if len(_cache) >= MAX_CACHED_ROOMS:
        _cache.pop(next(iter(_cache)))
    _cache.setdefault(found.room_identity, {})[found.user_identity] = (found, started)


def checked_now() -> tuple[float, int]:
    """A moment, for `changed_since`."""
    return time.monotonic(), current_hub().epoch


def changed_since(room_identity: str, moment: tuple[float, int]) -> bool:
    """Whether what `access` said then may be wrong by now: somebody was removed or muted."""
    at, epoch = moment
    return _changed_at.get(room_identity, 0.0) >= at or current_hub().epoch != epoch


# When a room was last announced as changed.
_changed_at: dict[str, float] = {}


@observe(ev.Changed)
def _forget(event: ev.Changed) -> None:
    if event.topic == EVERYTHING:
        _cache.clear()
        return
    room_identity = identity_in(event.topic, Scope.ROOM)
    if room_identity is None:
        return
    _cache.pop(room_identity, None)
    _changed_at.pop(room_identity, None)  # the oldest change is the first one
    if len(_changed_at) >= MAX_CACHED_ROOMS:
        _changed_at.pop(next(iter(_changed_at)))
    _changed_at[room_identity] = time.monotonic()
