"""Documents kept in memory as long as the hub tells when they change.

While the channel layer is ill nothing is told, so nothing is kept either; and because a change may
be stored a moment before it is told, nothing is kept longer than KEPT_S.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from imsystem.loops import PerLoop
from imsystem.mongo.shared_reads import SharedReads
from imsystem.realtime import events as ev
from imsystem.realtime.hub import current_hub, observe

T = TypeVar("T")

KEPT_S = 30.0
MAX_KEPT = 20_000

Read = Callable[[Sequence[str]], Awaitable[Mapping[str, T]]]


class Followed(Generic[T]):
    """Of one event loop. `read` is given keys and returns what there is of them; `prefixes` are
    those of the topics (`room:`) that, with a key behind them, name what changes."""

    def __init__(self, read: Read[T], *prefixes: str) -> None:
        self._reads = SharedReads(read)
        self._prefixes = prefixes
        self._kept: OrderedDict[str, tuple[T, float]] = OrderedDict()  # when it was asked for
        self._changed_at: OrderedDict[str, float] = OrderedDict()

    async def get(self, keys: Sequence[str]) -> dict[str, T]:
        """What there is of the keys. It belongs to everybody: not to be changed."""
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
        """Drops what the event is about."""
        if event.topic == ev.EVERYTHING:
            self._kept.clear()
        for prefix in self._prefixes:
            if event.topic.startswith(prefix):
                key = event.topic.removeprefix(prefix)
                self._kept.pop(key, None)
                _put(self._changed_at, key, time.monotonic())


V = TypeVar("V")


def _put(kept: OrderedDict[str, V], key: str, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MAX_KEPT:
        kept.popitem(last=False)


def followed(read: Read[T], *prefixes: str) -> PerLoop[Followed[T]]:
    """A Followed for each event loop, told of changes by its hub."""
    per_loop = PerLoop(lambda: Followed(read, *prefixes))

    @observe
    def forget(event: ev.Event) -> None:
        if isinstance(event, ev.Changed) and (kept := per_loop.made()) is not None:
            kept.forget(event)

    return per_loop
