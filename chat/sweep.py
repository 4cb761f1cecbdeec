"""The sweep tells live sockets again what they should know, on a slow timer and after every loss.

It makes up for what the channel layer lost: sockets join and leave the rooms that the database
says, and clients compare `room.heads` with what they have. The sweep also ends sockets that went
silent or expired.
"""

import asyncio
import logging
import time

from accounts.privacy import read_privacy
from accounts.user_cache import sessions_alive
from chat.frames import HeadState, RoomHeads
from chat.heads import room_heads
from chat.presence import current_presence
from imsystem.client_limits import HEARTBEAT_S
from imsystem.clock import now_ms
from imsystem.loops import PerLoop, background
from imsystem.realtime import close_codes
from imsystem.realtime.connection import Connection
from imsystem.realtime.events import Close
from imsystem.realtime.frames import encode
from imsystem.realtime.hub import Hub, current_hub
from imsystem.realtime.sockets import watched
from imsystem.realtime.topics import Scope, identity_in, room_topic, session_topic, user_topic
from rooms.frames import RoomRemoved
from rooms.heads import Head
from rooms.loading import floors_of

logger = logging.getLogger(__name__)

SWEEP_S = 30.0
RETRY_S = 2.0
SILENCE_S = 2.5 * HEARTBEAT_S
WATCH_S = 1.0
AT_ONCE = 500


async def sweep() -> None:
    """Corrects the rooms of every local socket, then sends each the heads of its rooms."""
    hub = current_hub()
    await _correct_sessions(hub)
    await _correct_rooms(hub)
    await _correct_settings(hub)
    heads = await room_heads(hub.identities(Scope.ROOM))
    for number, connection in enumerate(list(hub.connections)):
        rooms = _rooms_of(connection)
        known = {room: _state(heads[room]) for room in rooms if room in heads}
        if known:
            connection.push(encode(RoomHeads(rooms=known)))
        if number % 100 == 99:
            await asyncio.sleep(0)  # messages go first


def _state(head: Head) -> HeadState:
    return {"seq": head.last_seq, "revision": head.revision}


async def _correct_rooms(hub: Hub) -> None:
    users = hub.identities(Scope.USER)
    for start in range(0, len(users), AT_ONCE):
        some = users[start : start + AT_ONCE]
        hub.moved.clear()
        floors = await floors_of(some)
        for user in some:
            if user_topic(user) not in hub.moved:
                _correct_user(hub, user, floors.get(user, {}))


def _rooms_of(connection: Connection) -> list[str]:
    found = (identity_in(topic, Scope.ROOM) for topic in connection.topics)
    return [room for room in found if room is not None]


def _correct_user(hub: Hub, user: str, right: dict[str, int]) -> None:
    """`right`: the rooms of the user, and the floor they have in each."""
    for connection in hub.sockets_of(user_topic(user)):
        present = set(_rooms_of(connection))
        for room, floor in right.items():
            topic = room_topic(room)
            if room not in present or hub.floor(connection, topic) != floor:
                hub.subscribe(connection, topic, floor)
        for room in present - right.keys():
            hub.unsubscribe(connection, room_topic(room))
            connection.push(encode(RoomRemoved(room_identity=room, reason="removed")))


async def _correct_sessions(hub: Hub) -> None:
    """Closes the sockets of device sessions that ended without this process hearing of it."""
    sessions = hub.identities(Scope.SESSION)
    for start in range(0, len(sessions), AT_ONCE):
        some = sessions[start : start + AT_ONCE]
        for session in set(some) - await sessions_alive(some):
            hub.apply(Close(session_topic(session), close_codes.NOT_AUTHENTICATED))


async def _correct_settings(hub: Hub) -> None:
    """Finds privacy settings that changed without this process hearing of it."""
    users = hub.identities(Scope.USER)
    for start in range(0, len(users), AT_ONCE):
        some = users[start : start + AT_ONCE]
        for user, privacy in (await read_privacy(some)).items():
            right = privacy.declines
            sockets = hub.sockets_of(user_topic(user))
            if any(socket.declines not in (right, None) for socket in sockets):
                current_presence().changed(user)


async def _sweep_for_ever() -> None:
    hub = current_hub()
    while True:
        try:
            async with asyncio.timeout(SWEEP_S):
                await hub.lost.wait()
        except TimeoutError:
            pass
        hub.lost.clear()
        try:
            await sweep()
        except Exception as exc:
            logger.warning("the sweep failed and is repeated: %r", exc)
            hub.lost.set()
            await asyncio.sleep(RETRY_S)


# --- silent and expired sockets ------------------------------------------------------------


def close_silent(now: float) -> None:
    """Closes the sockets that were silent for too long (4408). `now` is a time.monotonic()."""
    for socket in watched():
        if now - socket.last_heard > SILENCE_S and not socket.may_be_silent:
            socket.connection.close(close_codes.HEARTBEAT)


def close_expired(now: int) -> None:
    """Closes the sockets that have expired (4401). `now` is in Unix milliseconds.

    Looking at 10,000 sockets takes 0.2 ms. Timers would cost memory for each socket, and every
    renewal would have to move one.
    """
    for socket in watched():
        if now >= socket.user.expires_at_ms:
            socket.connection.close(close_codes.NOT_AUTHENTICATED)


async def _watch_for_ever() -> None:
    while True:
        await asyncio.sleep(WATCH_S)
        close_silent(time.monotonic())
        close_expired(now_ms())


def _start() -> list[asyncio.Task[None]]:
    return [background(_sweep_for_ever()), background(_watch_for_ever())]


start_sweeping = PerLoop(_start)
