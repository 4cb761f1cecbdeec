"""The first frame of a new socket: `ready`, with the user and all their rooms.

The socket subscribes first and reads then. What happens meanwhile arrives after `ready`, perhaps a
second time (clients drop that by seq and revision), but it is never left out.
"""

from collections.abc import Sequence
from typing import NamedTuple

from django.utils import translation

from accounts.models import User
from accounts.payloads import own_user
from accounts.privacy import settings_of
from accounts.ws_auth import owner_of
from chat.frames import Ready
from chat.inbox import present_state, shown_rooms
from imsystem.budgets import COMMAND, ROOM, reads
from imsystem.client_limits import HEARTBEAT_S
from imsystem.clock import now_ms
from imsystem.realtime.connection import Connection
from imsystem.realtime.followed import Moment
from imsystem.realtime.frames import encode
from imsystem.realtime.hub import current_hub
from imsystem.realtime.sockets import SocketUser
from imsystem.realtime.topics import room_topic, session_topic, user_topic
from rooms.access import changed_since, checked_now, remember
from rooms.loading import memberships
from rooms.models import Member
from rooms.payloads import RoomPayload
from rooms.selectors import rooms_of


class Memberships(NamedTuple):
    """The memberships of a user, and a moment before they were read."""

    members: Sequence[Member]
    moment: Moment


async def subscribe(connection: Connection, session_identity: str) -> Memberships:
    """Registers the socket for its user, the device session and all rooms of the user. Returns
    the memberships."""
    hub = current_hub()
    user_identity = connection.user_identity
    hub.add(connection, [user_topic(user_identity), session_topic(session_identity)])
    while True:
        moment = checked_now()
        members = await memberships(user_identity)
        # A removal since that was read could not unsubscribe this socket yet.
        if not any(changed_since(member.room_id, moment) for member in members):
            break
    for member in members:
        hub.subscribe(connection, room_topic(member.room_id), member.floor_seq)
    return Memberships(members, moment)


async def ready_frame(
    connection: Connection,
    socket_user: SocketUser,
    connection_id: str,
    memberships: Memberships,
) -> str:
    """Returns the `ready` frame. `memberships` are those that `subscribe` returned.

    Raises NotAuthenticated when the user is gone or the device was revoked: before `subscribe`
    nobody could tell this socket.
    """
    user, rooms = await _read(connection, socket_user, memberships)
    for room in rooms:
        current_hub().begin(room_topic(room["identity"]), room["last_seq"])
    ready = Ready(
        user=own_user(user),
        connection_id=connection_id,
        expires_at=socket_user.expires_at_ms,
        heartbeat=HEARTBEAT_S,
        server_time=now_ms(),
        rooms=rooms,
    )
    return encode(ready)


async def _read(
    connection: Connection, socket_user: SocketUser, memberships: Memberships
) -> tuple[User, list[RoomPayload]]:
    user = await owner_of(socket_user)
    members, moment = memberships
    reads().spend(user.identity, COMMAND + ROOM * len(members))
    found = await rooms_of(user, members)
    remember(members, {room.pk: room for room in found.rooms}, moment)
    if connection.declines is None:  # else the settings have changed since: chat/presence.py
        connection.declines = settings_of(user).declines
    present = await present_state(found)
    with translation.override(socket_user.language):
        return user, shown_rooms(found, present)
