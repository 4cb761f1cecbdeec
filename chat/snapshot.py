"""What a new socket is told first: `ready`, with the user and all their rooms.

Subscribe first, then read: what happens meanwhile arrives after `ready`, maybe twice (clients drop
it by seq and revision), but not never.
"""

from django.utils import translation

from accounts.models import User
from accounts.payloads import own_user
from accounts.privacy import settings_of
from accounts.providers import online_among
from accounts.selectors import session_in_force
from accounts.ws_auth import SocketUser
from imsystem.errors import NotAuthenticated
from imsystem.mongo.clients import collection
from imsystem.realtime.connection import Connection
from imsystem.realtime.events import room_topic, session_topic, user_topic
from imsystem.realtime.frames import encode
from imsystem.realtime.hub import current_hub
from imsystem.threads import run_in_thread
from rooms.heads import heads
from rooms.payloads import RoomPayload
from rooms.selectors import FoundRooms, rooms_with_heads, rooms_without_heads

HEARTBEAT_S = 25


async def room_identities(user_identity: str) -> list[str]:
    """The rooms the user is in now."""
    rows = collection("user_room").find({"user_identity": user_identity}, {"room_identity": 1})
    return [row["room_identity"] for row in await rows.to_list()]


async def subscribe(connection: Connection, session_identity: str) -> None:
    """Registers the socket for its user, its device session and all rooms of the user."""
    hub = current_hub()
    user_identity = connection.user_identity
    hub.add(connection, [user_topic(user_identity), session_topic(session_identity)])
    for room_identity in await room_identities(user_identity):
        hub.subscribe(connection, room_topic(room_identity))


async def ready_frame(connection: Connection, socket_user: SocketUser, connection_id: str) -> str:
    """The `ready` frame; also leaves the rooms the user was removed from since `subscribe`.

    Raises NotAuthenticated when the user is gone or the device was revoked meanwhile: before
    `subscribe` this socket could not be told.
    """
    user, rooms = await _read(connection, socket_user)
    current = {room_topic(room["identity"]) for room in rooms}
    for topic in list(connection.topics):
        if topic.startswith("room:") and topic not in current:
            current_hub().unsubscribe(connection, topic)
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


async def _read(connection: Connection, socket_user: SocketUser) -> tuple[User, list[RoomPayload]]:
    user, found = await run_in_thread(
        _user_and_rooms, connection.user_identity, socket_user.session_identity
    )
    if connection.declines is None:  # else the settings have changed since: chat/presence.py
        connection.declines = settings_of(user).declines
    room_heads = await heads([room.identity for room in found.rooms])
    online = await online_among(found.peer_identities)
    with translation.override(socket_user.language):
        return user, rooms_with_heads(found, room_heads, online)


def _user_and_rooms(user_identity: str, session_identity: str) -> tuple[User, FoundRooms]:
    session = session_in_force(user_identity=user_identity, session_identity=session_identity)
    if session is None:
        raise NotAuthenticated
    return session.user, rooms_without_heads(session.user)
