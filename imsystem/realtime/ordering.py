"""New messages of a room reach the sockets in order of seq, also when processes cross or die.

Process A may be given seq 5 and process B seq 6, and B may be stored first. The hub then holds 6
until 5 arrives, as a rule for some milliseconds. If it does not come, its process may have died,
or its insert may be in doubt. Then 5 is pulled from MongoDB (chat/gap_filling.py) until it is
there, or certain never to come. Only a gap that cannot be pulled is passed over.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from imsystem.loops import background
from imsystem.outage import is_outage
from imsystem.realtime.events import Deliver
from imsystem.realtime.topics import Topic

logger = logging.getLogger(__name__)

HOLD_S = 0.25
PULL_AGAIN_S = 0.5
# While MongoDB cannot be read. Clients pull what was passed over, as after any loss.
GIVE_UP_S = 10.0
# Of one room.
MAX_HELD = 2_000
# After the end of a busy process many rooms have a gap.
PULLS_AT_ONCE = 16


class Pulled(NamedTuple):
    """The stored messages of a gap, and the seq up to which no further one can come."""

    events: Sequence[Deliver]
    final: int


# Is given a room and the numbers (after, up to) that are missing; those up to there may be many.
Pull = Callable[[Topic, int, int], Awaitable[Pulled]]
_pulls: list[Pull] = []


def pull_gaps_with(pull: Pull) -> None:
    """`pull` finds what this process has not heard of. Called in AppConfig.ready()."""
    _pulls[:] = [pull]


class RoomOrder:
    """Passes Deliver events on to `deliver`, each room's in order of seq; those of one room that
    arrive together, or waited for each other, in one call. `lost` is called when a gap is passed
    over."""

    def __init__(self, deliver: Callable[[list[Deliver]], None], lost: Callable[[], None]) -> None:
        self._deliver = deliver
        self._lost = lost
        self._begun: dict[Topic, int] = {}
        self._last: dict[Topic, int] = {}
        self._held: dict[Topic, dict[int, Deliver]] = {}
        self._filling: set[Topic] = set()
        self._turn = asyncio.Semaphore(PULLS_AT_ONCE)

    def begin(self, topic: Topic, seq: int) -> None:
        """The room had `seq` messages when the first local socket joined it. Without that the
        first event is delivered at once, and may not be the first message."""
        self._begun.setdefault(topic, seq)
        self._last.setdefault(topic, seq)

    def put(self, events: Sequence[Deliver]) -> None:
        """Delivers events of one room now, or when those before them have arrived or never will.

        What was delivered before is dropped. Messages from before `begin` that were on their way
        then are delivered whenever they come: sockets were told that the room has them.
        """
        ready: list[Deliver] = []
        for event in events:
            last = self._last.get(event.topic)
            if last is None:
                self.begin(event.topic, event.seq)
                self._pass(event, ready)
            elif event.seq == last + 1:
                self._pass(event, ready)
                self._pass_followers(event.topic, ready)
            elif event.seq > last:
                self._hold(event)
            elif event.seq <= self._begun[event.topic]:
                self._pass(event, ready)
        if ready:
            self._deliver(ready)

    def forget(self, topic: Topic) -> None:
        """The last local socket of the room has gone."""
        for kept in (self._begun, self._last, self._held):
            kept.pop(topic, None)

    def _pass(self, event: Deliver, ready: list[Deliver]) -> None:
        self._last[event.topic] = max(event.seq, self._last[event.topic])
        ready.append(event)

    def _pass_followers(self, topic: Topic, ready: list[Deliver]) -> None:
        held = self._held.get(topic)
        while held and (event := held.pop(self._last[topic] + 1, None)):
            self._pass(event, ready)
        if not held:
            self._held.pop(topic, None)

    # --- gaps ------------------------------------------------------------------------------

    def _hold(self, event: Deliver) -> None:
        topic = event.topic
        held = self._held.setdefault(topic, {})
        held[event.seq] = event
        if len(held) > MAX_HELD:
            self._pass_over(topic)
        elif topic not in self._filling:
            self._filling.add(topic)
            asyncio.get_running_loop().call_later(HOLD_S, self._overdue, topic)

    def _overdue(self, topic: Topic) -> None:
        if topic in self._held:
            background(self._fill(topic))
        else:
            self._filling.discard(topic)

    async def _fill(self, topic: Topic) -> None:
        """Pulls what is missing until nothing is held any more."""
        deadline = asyncio.get_running_loop().time() + GIVE_UP_S
        try:
            while held := self._held.get(topic):
                before = self._last[topic]
                self._fill_in(topic, await self._pulled(topic, before, min(held) - 1))
                if asyncio.get_running_loop().time() > deadline:
                    self._pass_over(topic)
                elif self._last.get(topic) == before:
                    await asyncio.sleep(PULL_AGAIN_S)
        finally:
            self._filling.discard(topic)

    async def _pulled(self, topic: Topic, after: int, up_to: int) -> Pulled:
        nothing = Pulled((), after)
        try:
            async with self._turn:
                return await _pulls[0](topic, after, up_to) if _pulls else nothing
        except Exception as exc:
            if not is_outage(exc):
                logger.exception("a gap could not be pulled")
            return nothing

    def _fill_in(self, topic: Topic, pulled: Pulled) -> None:
        held = self._held.get(topic)
        if held is None:  # nobody waits any more, or all has come meanwhile
            return
        for event in pulled.events:
            if event.seq > self._last[topic]:
                held.setdefault(event.seq, event)
        self._go_to(topic, pulled.final)

    def _pass_over(self, topic: Topic) -> None:
        """Delivers what is held without what is missing."""
        if held := self._held.get(topic):
            self._go_to(topic, max(held))
            self._lost()

    def _go_to(self, topic: Topic, seq: int) -> None:
        """Delivers what is held up to this seq, and what follows it without a gap."""
        held, ready = self._held[topic], list[Deliver]()
        for number in sorted(number for number in held if number <= seq):
            self._pass(held.pop(number), ready)
        self._last[topic] = max(seq, self._last[topic])
        self._pass_followers(topic, ready)
        if ready:
            self._deliver(ready)
