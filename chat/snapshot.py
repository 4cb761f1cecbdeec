"""What a new socket is told first: `ready`, with the user and all their rooms.

Subscribe first, then read: what happens meanwhile arrives after `ready`, maybe twice (clients drop
it by seq and revision), but not never.
"""

from collections.abc import Sequence

from django.utils import translation

from accounts.models import User
from accounts.payloads import own_user
from accounts.privacy import settings_of
from accounts.providers import online_among
from accounts.ws_auth import SocketUser, owner_of
from imsystem.budgets import COMMAND, ROOM, reads
from imsystem.realtime.connection import Connection
from imsystem.realtime.events import room_topic, session_topic, user_topic
from imsystem.realtime.frames import encode
from imsystem.realtime.hub import current_hub
from rooms.access import changed_since, checked_now, remember
from rooms.heads import heads
from rooms.loading import memberships
from rooms.models import Member
from rooms.payloads import RoomPayload
from rooms.selectors import rooms_of, rooms_with_heads

HEARTBEAT_S = 25


async def subscribe(connection: Connection, session_identity: str) -> list[Member]:
    """Registers the socket for its user, its device session and all rooms of the user; returns
    the memberships."""
    hub = current_hub()
    user_identity = connection.user_identity
    hub.add(connection, [user_topic(user_identity), session_topic(session_identity)])
    while True:
        moment = checked_now()
        members = await memberships(user_identity)
        # Who was removed since that was read could not be unsubscribed yet.
        if not any(changed_since(member.room_id, moment) for member in members):
            break
    for member in members:
        hub.subscribe(connection, room_topic(member.room_id), member.floor_seq)
    remember(members, moment)
    return members


async def ready_frame(
    connection: Connection,
    socket_user: SocketUser,
    connection_id: str,
    members: Sequence[Member],
) -> str:
    """The `ready` frame. `members` are those that `subscribe` gave.

    Raises NotAuthenticated when the user is gone or the device was revoked: before `subscribe`
    this socket could not be told.
    """
    user, rooms = await _read(connection, socket_user, members)
    for room in rooms:
        current_hub().begin(room_topic(room["identity"]), room["last_seq"])
    return encode(
        "ready",
        user=own_user(user),
        connection_id=connection_id,
        expires_at=socket_user.expires_at_ms,
        heartbeat=HEARTBEAT_S,
        rooms=rooms,
    )


async def _read(
    connection: Connection, socket_user: SocketUser, members: Sequence[Member]
) -> tuple[User, list[RoomPayload]]:
    user = await owner_of(socket_user)
    reads().spend(user.identity, COMMAND + ROOM * len(members) / 2)
    found = await rooms_of(user, members)
    if connection.declines is None:  # else the settings have changed since: chat/presence.py
        connection.declines = settings_of(user).declines
    room_heads = await heads([room.identity for room in found.rooms])
    online = await online_among(found.peer_identities)
    with translation.override(socket_user.language):
        return user, rooms_with_heads(found, room_heads, online)
