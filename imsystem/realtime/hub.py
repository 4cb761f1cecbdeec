"""One hub a process: it knows the process's sockets and hears the other processes' events.

All processes share one channel-layer group and each hub has one channel in it. A socket is never
in the layer itself: that would cost a subscription, a queue and an encoding per socket.
"""

import asyncio
import logging
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, TypeVar, cast

from channels.layers import get_channel_layer

from imsystem.ids import new_identity
from imsystem.loops import PerLoop, background
from imsystem.ops import metrics
from imsystem.outage import is_outage
from imsystem.realtime import events as ev
from imsystem.realtime.connection import Connection
from imsystem.realtime.frames import in_writes
from imsystem.realtime.ordering import RoomOrder
from imsystem.realtime.topics import EVERYTHING, Scope, Topic, identity_in
from imsystem.realtime.wire import text_frame

logger = logging.getLogger(__name__)

GROUP = "hub"
BEAT_S = 1.0
# When no beat of our own has come back for so long, the layer carries nothing.
BEAT_LATE_S = 2.5
# A process whose beats stop may have died with something that it did not tell.
GONE_S = 3.5
SEND_TIMEOUT_S = 2.0
MAX_OUTGOING = 10_000
MAX_HUBS = 1_000

E = TypeVar("E", bound=ev.Event)


class Hub:
    """Delivers events to local sockets, and carries them to and from the other processes.

    The layer delivers at most once and does not tell what it lost. So every hub numbers its
    packets and beats once a second: a missing number shows every loss within about a second.
    Then `epoch` grows, caches are dropped, and `lost` asks for a sweep (chat/sweep.py).
    """

    def __init__(self) -> None:
        self.identity = new_identity()
        self.connections: set[Connection] = set()
        self.healthy = True
        self.epoch = 0
        self.lost = asyncio.Event()
        # Users whose rooms changed since the sweep emptied this: what it read of them is old.
        self.moved: set[str] = set()
        self._topics: defaultdict[Topic, set[Connection]] = defaultdict(set)
        # Sockets that do not get a room's earlier messages: topic -> socket -> the last such seq.
        # Beside the topics, so that a room without any is delivered as fast as ever.
        self._floors: defaultdict[Topic, dict[Connection, int]] = defaultdict(dict)
        self._order = RoomOrder(self._send_messages, self.lost.set)
        self._outgoing: list[ev.Event] = []
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._receiving: asyncio.Task[None] | None = None
        self._last_beat = 0.0
        self._joined = 0.0
        self._beats: dict[str, float] = {}  # other hub -> when its last beat came
        self._sent = 0  # packets
        self._heard: OrderedDict[str, int] = OrderedDict()  # hub -> its last packet's number

    # --- local sockets ---------------------------------------------------------------------

    def add(self, connection: Connection, topics: Iterable[Topic]) -> None:
        """Registers a socket; from now on it gets what is delivered to `topics`."""
        self.start()
        if connection not in self.connections:
            metrics.sockets.inc()
        self.connections.add(connection)
        for topic in topics:
            self.subscribe(connection, topic)

    def remove(self, connection: Connection) -> None:
        """Forgets a socket that has ended."""
        if connection in self.connections:
            metrics.sockets.dec()
        self.connections.discard(connection)
        for topic in list(connection.topics):
            self.unsubscribe(connection, topic)

    def subscribe(self, connection: Connection, topic: Topic, floor: int = 0) -> None:
        """`floor`: the seq of a room's last message that is not for this socket."""
        connection.topics.add(topic)
        self._topics[topic].add(connection)
        if floor:
            self._floors[topic][connection] = floor
        else:
            self._lift(connection, topic)

    def floor(self, connection: Connection, topic: Topic) -> int:
        return self._floors[topic].get(connection, 0) if topic in self._floors else 0

    def _lift(self, connection: Connection, topic: Topic) -> None:
        floors = self._floors.get(topic)
        if floors is not None:
            floors.pop(connection, None)
            if not floors:
                del self._floors[topic]

    def unsubscribe(self, connection: Connection, topic: Topic) -> None:
        connection.topics.discard(topic)
        self._lift(connection, topic)
        members = self._topics.get(topic)
        if members is not None:
            members.discard(connection)
            if not members:
                del self._topics[topic]
                self._order.forget(topic)

    def begin(self, topic: Topic, seq: int) -> None:
        """The room has `seq` messages: those that follow are delivered in order from there."""
        if topic in self._topics:
            self._order.begin(topic, seq)

    def identities(self, scope: Scope) -> list[str]:
        """Returns the identities of this scope (rooms, users) that have a local socket."""
        found = (identity_in(topic, scope) for topic in self._topics)
        return [identity for identity in found if identity is not None]

    def sockets_of(self, topic: Topic) -> list[Connection]:
        """The local sockets of a topic, as a list that may be walked while they change."""
        return list(self._topics.get(topic, ()))

    # --- events ----------------------------------------------------------------------------

    def publish(self, *events: ev.Event) -> None:
        """Applies events here at once and sends them to the other processes soon. Never waits."""
        self.start()
        self.apply(*events)
        self._outgoing.extend(events)
        if len(self._outgoing) > MAX_OUTGOING:  # the layer is away; these are only hints
            del self._outgoing[:-MAX_OUTGOING]
            self._sent += 1  # a packet that is missing tells the others
        self._wake.set()

    async def publish_and_flush(self, *events: ev.Event) -> None:
        """The same for processes that may end soon: returns when the layer has the events."""
        self.apply(*events)
        await self._send(list(events))

    def apply(self, *events: ev.Event) -> None:
        """Carries events out on the local sockets, and tells the observers."""
        for topic, some in groupby(events, _room_of_new_message):
            together = list(some)
            if topic is None:
                for event in together:
                    self._carry_out(event)
            elif topic in self._topics:
                self._order.put(cast("list[ev.Deliver]", together))
            for event in together:
                for observer in _observers.get(type(event), ()):
                    observer(event)

    def _carry_out(self, event: ev.Event) -> None:
        match event:
            case ev.Deliver():
                self._send_to_topic(event)
            case ev.Join(who, topic, seq, floor):
                self.moved.add(who)
                for connection in self.sockets_of(who):
                    self.subscribe(connection, topic, floor)
                self.begin(topic, seq)
            case ev.Part(who, topic):
                self.moved.add(who)
                for connection in self.sockets_of(who):
                    self.unsubscribe(connection, topic)
            case ev.Reveal(topic):
                self._floors.pop(topic, None)
            case ev.Close(topic, code):
                for connection in self.sockets_of(topic):
                    connection.close(code)

    def _send_messages(self, events: list[ev.Deliver]) -> None:
        """New messages of one room, to all its sockets, in one write to each: that is 7 us, most
        of what a delivery costs."""
        started = time.perf_counter()
        topic, first = events[0].topic, min(event.seq for event in events)
        self._write(events, self._readers(topic, first))
        for connection, floor in list(self._floors.get(topic, {}).items()):
            if floor >= first:
                self._write([event for event in events if event.seq > floor], [connection])
        metrics.fan_out(time.perf_counter() - started)

    def _write(self, events: list[ev.Deliver], sockets: list[Connection]) -> None:
        if not sockets or not events:
            return
        for frames, wire in in_writes([event.frame for event in events]):
            for connection in sockets:
                connection.push_all(frames, wire)
        metrics.deliveries(len(events) * len(sockets))

    def _send_to_topic(self, event: ev.Deliver) -> None:
        started = time.perf_counter()
        sockets = (
            self._readers(event.topic, event.seq) if event.seq else self.sockets_of(event.topic)
        )
        if not sockets:
            return
        frames, wire = (event.frame,), text_frame(event.frame)
        for connection in sockets:
            if connection.user_identity == event.skip_user:
                continue
            if event.category and _declined(connection, event.category):
                if event.fallback:
                    connection.push(event.fallback)
            else:
                connection.push_all(frames, wire)
        metrics.fan_out(time.perf_counter() - started)
        metrics.deliveries(len(sockets))

    def _readers(self, topic: Topic, seq: int) -> list[Connection]:
        """The local sockets of a room that get its messages from `seq` on."""
        if topic not in self._floors:
            return self.sockets_of(topic)
        return [c for c in self.sockets_of(topic) if self.floor(c, topic) < seq]

    # --- the channel layer -----------------------------------------------------------------

    def start(self) -> None:
        """Starts the background tasks, once."""
        if not self._tasks:
            loop = asyncio.get_running_loop()
            self._last_beat = self._joined = loop.time()
            self._receiving = background(self._receive_for_ever())
            work = (self._send_for_ever(), self._beat_for_ever())
            self._tasks = [background(part) for part in work]

    async def stop(self) -> None:
        """Ends the background tasks (tests; a server simply exits)."""
        running = {*self._tasks, *([self._receiving] if self._receiving else [])}
        while running:  # redis-py can swallow a cancellation while it connects
            for task in running:
                task.cancel()
            _ended, running = await asyncio.wait(running, timeout=0.1)
        self._tasks = []

    async def _receive_for_ever(self) -> None:
        layer = get_channel_layer()
        channel = ""
        while True:
            try:
                if not channel:
                    joining = await layer.new_channel("hub")
                    await layer.group_add(GROUP, joining)
                    channel = joining
                self._receive(await layer.receive(channel))
            except Exception as exc:
                if not is_outage(exc):  # of that _fell_ill has told
                    logger.exception("the hub could not take an event from the channel layer")
                await asyncio.sleep(BEAT_S)

    def _receive(self, message: dict[str, Any]) -> None:
        source: str = message["source"]
        self._check_number(source, message["number"])
        if source == self.identity:  # applied when it was published; that it is back is a beat
            self._heard_beat(source)
            return
        events = ev.decode(message["events"])
        if any(isinstance(event, ev.Beat) for event in events):
            self._heard_beat(source)
        self.apply(*events)

    def _check_number(self, source: str, number: int) -> None:
        last = self._heard.get(source)
        self._heard[source] = number
        self._heard.move_to_end(source)
        if len(self._heard) > MAX_HUBS:
            self._heard.popitem(last=False)
        if last is not None and number > last + 1 and source != self.identity:
            logger.warning("the channel layer lost %d packets", number - last - 1)
            metrics.lost_packets(number - last - 1)
            self._lost_events()

    async def _send_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            events, self._outgoing = self._outgoing, []
            await self._send(events)

    async def _send(self, events: list[ev.Event]) -> None:
        self._sent += 1
        packet = {
            "type": "hub",
            "source": self.identity,
            "number": self._sent,
            "events": ev.encode(events),
        }
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await get_channel_layer().group_send(GROUP, packet)
        except Exception as exc:  # hints may be lost: the sweep after recovery makes it good
            self._fell_ill(repr(exc))

    async def _beat_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._send([ev.Beat()])
            asleep = loop.time()
            await asyncio.sleep(BEAT_S)
            self._stood_still(loop.time() - asleep - BEAT_S)
            if loop.time() - self._last_beat > BEAT_LATE_S:
                self._fell_ill("no beat came back")
                if loop.time() - self._joined > BEAT_LATE_S:
                    await self._rejoin()
            self._miss_the_gone(loop.time())

    async def _rejoin(self) -> None:
        """Subscribes anew, over new connections.

        The layer waits for ever on a connection that the network has forgotten (no RST, no FIN),
        and its receiving task may end for good.
        """
        loop = asyncio.get_running_loop()
        self._joined = loop.time()
        if self._receiving is not None:
            self._receiving.cancel()
            await asyncio.wait([self._receiving], timeout=SEND_TIMEOUT_S)
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await get_channel_layer().flush()
        except Exception as exc:
            logger.warning("the channel layer could not be reset: %r", exc)
        self._receiving = background(self._receive_for_ever())

    def _stood_still(self, seconds: float) -> None:
        """This process did not run for so long: what came meanwhile is not read yet, so no beat is
        late by it. What the layer dropped meanwhile shows by its number."""
        self._last_beat += seconds
        self._beats = {hub: heard + seconds for hub, heard in self._beats.items()}

    def _heard_beat(self, source: str) -> None:
        now = asyncio.get_running_loop().time()
        if source != self.identity:
            self._beats[source] = now
            return
        self._last_beat = now
        if not self.healthy:
            self.healthy = True
            logger.warning("the channel layer is back")
            self._lost_events()

    def _miss_the_gone(self, now: float) -> None:
        """Another process ended: what it had stored and not told yet is found by a sweep."""
        gone = [hub for hub, heard in self._beats.items() if now - heard > GONE_S]
        for hub in gone:
            del self._beats[hub]
        if gone and self.healthy:
            logger.info("%d other processes have gone", len(gone))
            self._lost_events()

    def _fell_ill(self, reason: str) -> None:
        if self.healthy:
            self.healthy = False
            logger.warning("the channel layer does not carry events: %s", reason)
            self._lost_events()

    def _lost_events(self) -> None:
        self.epoch += 1
        self.apply(ev.Changed(EVERYTHING))
        self.lost.set()


def _room_of_new_message(event: ev.Event) -> Topic | None:
    """Its topic; None for everything else."""
    new = isinstance(event, ev.Deliver) and event.seq and not event.revision
    return cast("ev.Deliver", event).topic if new else None


def _declined(connection: Connection, category: str) -> bool:
    return connection.declines is None or category in connection.declines


_observers: dict[type[Any], list[Callable[[Any], None]]] = {}


def observe(kind: type[E]) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    """Decorator: calls the function with every event of this class, in every hub, after the event
    has been carried out on the local sockets."""

    def register(observer: Callable[[E], None]) -> Callable[[E], None]:
        _observers.setdefault(kind, []).append(observer)
        return observer

    return register


current_hub = PerLoop(Hub)
