"""New messages of a room reach the sockets in order of seq, also when two processes send them.

Process A may be given seq 5 and process B seq 6, and B may be stored first. The hub then holds 6
until 5 arrives, for a moment: a number that was never used (a hole) must not stop a room, and
clients find and pull what is missing anyway.
"""

import asyncio
from collections.abc import Callable, Sequence

from imsystem.realtime.events import Deliver
from imsystem.realtime.topics import Topic

HOLD_S = 0.25


class RoomOrder:
    """Passes Deliver events on to `deliver`, each room's in order of seq; those of one room that
    arrive together, or waited for each other, in one call."""

    def __init__(self, deliver: Callable[[list[Deliver]], None]) -> None:
        self._deliver = deliver
        self._last: dict[Topic, int] = {}
        self._held: dict[Topic, dict[int, Deliver]] = {}

    def begin(self, topic: Topic, seq: int) -> None:
        """The room had `seq` messages when the first local socket joined it. Without that the first
        event is delivered at once, and may not be the first message."""
        self._last.setdefault(topic, seq)

    def put(self, events: Sequence[Deliver]) -> None:
        """Delivers events of one room now, or when those before them have arrived, or after
        HOLD_S."""
        ready: list[Deliver] = []
        for event in events:
            last = self._last.get(event.topic)
            if last is None or event.seq <= last + 1:
                self._pass(event, ready)
                self._pass_followers(event.topic, ready)
            else:
                self._hold(event)
        if ready:
            self._deliver(ready)

    def _hold(self, event: Deliver) -> None:
        self._held.setdefault(event.topic, {})[event.seq] = event
        asyncio.get_running_loop().call_later(HOLD_S, self._give_up, event)

    def forget(self, topic: Topic) -> None:
        """The last local socket of the room has gone."""
        self._last.pop(topic, None)
        self._held.pop(topic, None)

    def _pass(self, event: Deliver, ready: list[Deliver]) -> None:
        self._last[event.topic] = max(event.seq, self._last.get(event.topic, 0))
        ready.append(event)

    def _pass_followers(self, topic: Topic, ready: list[Deliver]) -> None:
        held = self._held.get(topic)
        while held and (event := held.pop(self._last[topic] + 1, None)):
            self._pass(event, ready)
        if not held:
            self._held.pop(topic, None)

    def _give_up(self, event: Deliver) -> None:
        """What came before this event will not arrive: delivers up to and including it."""
        held = self._held.get(event.topic, {})
        if held.get(event.seq) is not event:
            return  # delivered meanwhile
        ready: list[Deliver] = []
        for seq in sorted(number for number in held if number <= event.seq):
            self._pass(held.pop(seq), ready)
        self._pass_followers(event.topic, ready)
        self._deliver(ready)
