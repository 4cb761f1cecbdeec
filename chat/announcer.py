"""The sweep: what live sockets should know, told again on a slow timer and after every loss.

It makes good whatever the channel layer lost: sockets join and leave the rooms the database says,
and clients compare `room.heads` with what they have. Sockets that went silent or expired are ended
here too.
"""

import asyncio
import logging
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from accounts.privacy import FIELDS, privacy_from
from chat.heads import room_heads
from chat.presence import current_presence
from chat.snapshot import HEARTBEAT_S
from imsystem.clock import now_ms
from imsystem.loops import PerLoop
from imsystem.mongo.clients import find_in
from imsystem.realtime.events import Close, room_topic, session_topic, user_topic
from imsystem.realtime.frames import encode
from imsystem.realtime.hub import Hub, current_hub
from imsystem.realtime.publish import CLOSE_NOT_AUTHENTICATED
from rooms.heads import Head

if TYPE_CHECKING:
    from chat.consumer import ChatConsumer

logger = logging.getLogger(__name__)

SWEEP_S = 30.0
RETRY_S = 2.0
CLOSE_HEARTBEAT = 4408
SILENCE_S = 2.5 * HEARTBEAT_S
WATCH_S = 1.0
AT_ONCE = 500


async def sweep() -> None:
    """Corrects every local socket's rooms, then tells each the heads of its rooms."""
    hub = current_hub()
    await _correct_sessions(hub)
    await _correct_rooms(hub)
    await _correct_settings(hub)
    heads = await room_heads(_local(hub, "room:"))
    for number, connection in enumerate(list(hub.connections)):
        rooms = [topic.removeprefix("room:") for topic in connection.topics]
        known = {room: _state(heads[room]) for room in rooms if room in heads}
        if known:
            connection.push(encode("room.heads", rooms=known))
        if number % 100 == 99:
            await asyncio.sleep(0)  # messages go first


def _state(head: Head) -> dict[str, int]:
    return {"seq": head.last_seq, "revision": head.revision}


async def _correct_rooms(hub: Hub) -> None:
    users = _local(hub, "user:")
    for start in range(0, len(users), AT_ONCE):
        some = users[start : start + AT_ONCE]
        hub.moved.clear()
        fields = {"user_identity": 1, "room_identity": 1, "floor_seq": 1}
        rows = await find_in("user_room", "user_identity", some, fields)
        rooms: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for row in rows:
            rooms[row["user_identity"]][room_topic(row["room_identity"])] = row["floor_seq"]
        for user in some:
            if user_topic(user) not in hub.moved:
                _correct_user(hub, user, rooms[user])


def _local(hub: Hub, prefix: str) -> list[str]:
    return [topic.removeprefix(prefix) for topic in hub.topics(prefix)]


def _correct_user(hub: Hub, user: str, right: dict[str, int]) -> None:
    """`right`: the rooms of the user, and the floor they have in each."""
    for connection in hub.sockets_of(user_topic(user)):
        present = {topic for topic in connection.topics if topic.startswith("room:")}
        for topic, floor in right.items():
            if topic not in present or hub.floor(connection, topic) != floor:
                hub.subscribe(connection, topic, floor)
        for topic in present - right.keys():
            hub.unsubscribe(connection, topic)
            removed = encode(
                "room.removed", room_identity=topic.removeprefix("room:"), reason="removed"
            )
            connection.push(removed)


async def _correct_sessions(hub: Hub) -> None:
    """Ends the sockets of device sessions that ended without this process hearing of it."""
    sessions = _local(hub, "session:")
    for start in range(0, len(sessions), AT_ONCE):
        some = sessions[start : start + AT_ONCE]
        in_force = {"revoked_at": None, "expires_at": {"$gt": now_ms()}}
        alive = await find_in("device_session", "_id", some, {"_id": 1}, **in_force)
        for session in set(some) - {row["_id"] for row in alive}:
            hub.apply(Close(session_topic(session), CLOSE_NOT_AUTHENTICATED))


async def _correct_settings(hub: Hub) -> None:
    """Finds privacy settings that changed without this process hearing of it."""
    users = _local(hub, "user:")
    for start in range(0, len(users), AT_ONCE):
        some = users[start : start + AT_ONCE]
        for row in await find_in("user_basic", "_id", some, FIELDS):
            right = privacy_from(row).declines
            sockets = hub.sockets_of(user_topic(row["_id"]))
            if any(socket.declines not in (right, None) for socket in sockets):
                current_presence().changed(row["_id"])


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

_watched: "PerLoop[set[ChatConsumer]]" = PerLoop(set)


def watch(socket: "ChatConsumer") -> None:
    """From now on the socket is closed when nothing is heard from it for SILENCE_S, unless it may
    be silent, and when what it showed at the handshake expires before it is renewed."""
    _watched().add(socket)


def unwatch(socket: "ChatConsumer") -> None:
    _watched().discard(socket)


def watched() -> "list[ChatConsumer]":
    """The open sockets of this process."""
    return list(_watched())


def close_silent(now: float) -> None:
    """Closes with 4408 what was silent for too long. `now` as time.monotonic()."""
    for socket in list(_watched()):
        if now - socket.last_heard > SILENCE_S and not socket.may_be_silent:
            socket.connection.close(CLOSE_HEARTBEAT)


def close_expired(now: int) -> None:
    """Closes with 4401 what may not be open any more. `now` in Unix milliseconds.

    A look at 10,000 sockets takes 0.2 ms; timers would cost memory for each socket, and every
    renewal would have to move one.
    """
    for socket in list(_watched()):
        if now >= socket.user.expires_at_ms:
            socket.connection.close(CLOSE_NOT_AUTHENTICATED)


async def _watch_for_ever() -> None:
    while True:
        await asyncio.sleep(WATCH_S)
        close_silent(time.monotonic())
        close_expired(now_ms())


def _start() -> "list[asyncio.Task[None]]":
    loop = asyncio.get_running_loop()
    return [loop.create_task(_sweep_for_ever()), loop.create_task(_watch_for_ever())]


start_announcing = PerLoop(_start)
