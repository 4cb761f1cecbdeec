"""Documents kept in memory as long as the hub reports when they change.

While the channel layer is down nothing is reported, so nothing is kept. A change may be stored a
moment before it is reported, so nothing is kept longer than KEPT_S either.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from imsystem.loops import PerLoop
from imsystem.mongo.shared_reads import SharedReads
from imsystem.realtime import events as ev
from imsystem.realtime.hub import current_hub, observe
from imsystem.realtime.topics import EVERYTHING, Scope, identity_in

T = TypeVar("T")

KEPT_S = 30.0
MAX_KEPT = 20_000

Read = Callable[[Sequence[str]], Awaitable[Mapping[str, T]]]


class Followed(Generic[T]):
    """The cache of one event loop. `read` gets identities and returns what it finds of them. A
    change of a topic whose scope is among `scopes` drops the value of the topic's identity."""

    def __init__(self, read: Read[T], *scopes: Scope) -> None:
        self._reads = SharedReads(read)
        self._scopes = scopes
        self._kept: OrderedDict[str, tuple[T, float]] = OrderedDict()  # when it was asked for
        self._changed_at: OrderedDict[str, float] = OrderedDict()

    async def get(self, keys: Sequence[str]) -> dict[str, T]:
        """Returns what there is of the keys. The values are shared: do not change them."""
        hub = current_hub()
        hub.start()  # from now on this process hears of changes
        started, epoch = time.monotonic(), hub.epoch
        oldest = started - KEPT_S if hub.healthy else started
        found = {
            key: self._kept[key][0]
            for key in keys
            if key in self._kept and self._kept[key][1] > oldest
        }
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        if missing:
            read = await self._reads.get_all(missing)
            found.update(read)
            if hub.healthy and hub.epoch == epoch:
                self._keep(read, started)
        return found

    def _keep(self, read: Mapping[str, T], started: float) -> None:
        for key, value in read.items():
            if self._changed_at.get(key, 0.0) < started:
                _put(self._kept, key, (value, started))

    def forget(self, event: ev.Changed) -> None:
        """Drops the value that the event is about."""
        if event.topic == EVERYTHING:
            self._kept.clear()
        for scope in self._scopes:
            key = identity_in(event.topic, scope)
            if key is not None:
                self._kept.pop(key, None)
                _put(self._changed_at, key, time.monotonic())


V = TypeVar("V")


def _put(kept: OrderedDict[str, V], key: str, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MAX_KEPT:
        kept.popitem(last=False)


def followed(read: Read[T], *scopes: Scope) -> PerLoop[Followed[T]]:
    """Returns a Followed for each event loop. The loop's hub tells it of changes."""
    per_loop = PerLoop(lambda: Followed(read, *scopes))

    @observe(ev.Changed)
    def forget(event: ev.Changed) -> None:
        if (kept := per_loop.made()) is not None:
            kept.forget(event)

    return per_loop
