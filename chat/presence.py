"""Tells people who of those they talk with comes online and goes offline.

Only a hint: no command waits for it, and while a database is away nobody is told anything. It goes
to the other side of direct rooms, never to groups, and only as far as people allow
(User.who_sees_online).
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from accounts import online
from accounts.privacy import PRESENCE, read_privacy, settings_of
from accounts.selectors import users_among
from chat import frames
from imsystem.loops import PerLoop, background
from imsystem.outage import is_outage
from imsystem.realtime import events as ev
from imsystem.realtime.frames import encode
from imsystem.realtime.hub import Hub, current_hub, observe
from imsystem.realtime.topics import Scope, identity_in, room_topic, user_topic
from imsystem.threads import run_in_thread
from rooms.loading import shared_rooms_of
from rooms.selectors import FoundRooms, online_as_seen, rooms_without_heads

logger = logging.getLogger(__name__)

# Loading a page anew, or changing from Wi-Fi to mobile, is not going offline.
GRACE_S = 5.0
# Well within online.GOOD_FOR_MS: one renewal may fail.
RENEW_S = 25.0
# That somebody is offline may be told by one process and overtake, on its way to a third, that
# they are back at another; who told it looks again.
LOOK_AGAIN_S = 1.0
RETRY_S = 5.0
AT_ONCE = 500
# After a restart everybody comes at once; messages go first (hub.MAX_OUTGOING).
EVENTS_AT_ONCE = 500
PAUSE_S = 0.05


class Presence:
    """The users with a socket in this process. One task does all the work, in order."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._coming: set[str] = set()  # not entered in Redis yet
        self._here: set[str] = set()  # entered
        self._going: dict[str, float] = {}  # without a socket -> when that counts
        self._changed: set[str] = set()  # have new settings
        self._news: dict[str, bool] = {}  # to be told
        self._unsure: dict[str, float] = {}  # told to be offline -> when to look again
        self._renew_at = 0.0
        self._wake = asyncio.Event()
        self._working = asyncio.Lock()
        self._task = background(self._work_for_ever())

    # --- what sockets and settings say -----------------------------------------------------

    def arrived(self, user: str) -> None:
        """A socket of the user is ready."""
        if user not in self._here:
            self._coming.add(user)
            self._wake.set()

    def left(self, user: str, now: float) -> None:
        """A socket of the user has ended. `now` as time.monotonic()."""
        if self._knows(user) and not self._has_socket(user):
            self._going[user] = now + GRACE_S
            self._wake.set()

    def changed(self, user: str) -> None:
        """The user's privacy settings are not what they were. Also told of people without a socket
        here: they may have had one a moment ago, and the others still think so."""
        if self._knows(user):
            self._changed.add(user)
            self._wake.set()

    def _knows(self, user: str) -> bool:
        return user in self._here or user in self._coming or self._has_socket(user)

    def _has_socket(self, user: str) -> bool:
        return bool(self._hub.sockets_of(user_topic(user)))

    # --- the work --------------------------------------------------------------------------

    async def _work_for_ever(self) -> None:
        well = True
        while True:
            pause = RETRY_S
            try:
                await self.work(time.monotonic())
                well, pause = True, self._pause(time.monotonic())
            except Exception as exc:
                if not is_outage(exc):
                    logger.exception("presence failed")
                elif well:
                    logger.warning("presence is not up to date: %r", exc)
                well = False
            await self._sleep(pause)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _pause(self, now: float) -> float:
        due = min([self._renew_at, *self._going.values(), *self._unsure.values()])
        return max(0.0, due - now)

    async def work(self, now: float) -> None:
        """All that is to be done at `now` (time.monotonic()). What fails is done again."""
        async with self._working:
            await self._apply_settings()
            await self._enter(self._coming)
            await self._leave(now)
            if now >= self._renew_at:
                await self._enter(self._here)
                self._news.update(dict.fromkeys(await online.reap(), False))
                self._renew_at = now + RENEW_S
            await self._look_again(now)
            await self._tell(now)

    async def _enter(self, users: Iterable[str]) -> None:
        for some in _batches(list(users), AT_ONCE):
            came = await online.enter(self._hub.identity, some)
            self._news.update(dict.fromkeys(came, True))
            self._here.update(some)
            self._coming.difference_update(some)

    async def _leave(self, now: float) -> None:
        due = [user for user, at in self._going.items() if at <= now]
        for some in _batches(due, AT_ONCE):
            for user in some:
                del self._going[user]
            gone = [user for user in some if not self._has_socket(user)]  # and did not come back
            # First, so that who comes back meanwhile is entered anew.
            self._here.difference_update(gone)
            try:
                offline = await online.leave(self._hub.identity, gone)
            except Exception:
                self._going |= {user: now for user in gone if not self._has_socket(user)}
                raise
            self._news.update(dict.fromkeys(offline, False))

    async def _look_again(self, now: float) -> None:
        due = [user for user, at in self._unsure.items() if at <= now]
        for user in await online.online_among(due) if due else ():
            self._news[user] = True
        for user in due:
            del self._unsure[user]

    async def _tell(self, now: float) -> None:
        while self._news:
            some = dict(islice(self._news.items(), AT_ONCE))
            rooms = await shared_rooms_of(await _visible(list(some)))
            for user in some:
                del self._news[user]
            offline = [user for user, is_online in some.items() if not is_online]
            self._unsure.update(dict.fromkeys(offline, now + LOOK_AGAIN_S))
            await self._publish(
                [event for user in rooms for event in _events(user, rooms[user], some[user])]
            )

    async def _publish(self, events: Sequence[ev.Event]) -> None:
        for some in _batches(events, EVENTS_AT_ONCE):
            self._hub.publish(*some)
            if len(some) == EVENTS_AT_ONCE:
                await asyncio.sleep(PAUSE_S)

    # --- new settings ----------------------------------------------------------------------

    async def _apply_settings(self) -> None:
        """One after the other and read anew, so that an older reading never comes last."""
        while self._changed:
            user = self._changed.pop()
            try:
                await self._apply(user)
            except Exception as exc:
                if is_outage(exc):
                    self._changed.add(user)
                raise

    async def _apply(self, user: str) -> None:
        found = await run_in_thread(_user_and_rooms, user)
        if found is None or not self._knows(user):
            return
        sockets = self._hub.sockets_of(user_topic(user))
        privacy = settings_of(found.viewer)
        for connection in sockets:
            connection.declines = privacy.declines
        await self._publish(_events(user, list(found.shared), not privacy.hidden))
        present = await online.online_among(found.peer_identities)
        for room, peer in found.peers.items():
            contact = room in found.shared
            seen = bool(online_as_seen(found.viewer, peer, present, contact=contact))
            frame = encode(frames.Presence(user_identity=peer.pk, online=seen))
            for connection in sockets:
                connection.push(frame)


T = TypeVar("T")


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _user_and_rooms(user_identity: str) -> FoundRooms | None:
    user = users_among([user_identity]).get(user_identity)
    return None if user is None else rooms_without_heads(user)


def _events(user: str, rooms: Sequence[str], is_online: bool) -> list[ev.Deliver]:
    """`presence` of one user for the other side of each of these rooms."""
    frame = encode(frames.Presence(user_identity=user, online=is_online))
    return [
        ev.Deliver(room_topic(room), frame, skip_user=user, category=PRESENCE) for room in rooms
    ]


async def _visible(users: Sequence[str]) -> list[str]:
    """Those who do not hide."""
    return [user for user, privacy in (await read_privacy(users)).items() if not privacy.hidden]


current_presence = PerLoop(lambda: Presence(current_hub()))


@observe(ev.Changed)
def _follow(event: ev.Changed) -> None:
    """Takes notice of a user's new settings. Processes without sockets (commands) tell nobody."""
    here, user = current_presence.made(), identity_in(event.topic, Scope.USER)
    if here and user is not None:
        here.changed(user)
