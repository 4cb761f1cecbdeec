"""Values kept in memory as long as the hub reports when they change.

While the channel layer is down nothing is reported, so nothing is kept. A change may be stored a
moment before it is reported, so nothing is kept longer than KEPT_S either.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from imsystem.loops import PerLoop
from imsystem.mongo.shared_reads import SharedReads
from imsystem.realtime import events as ev
from imsystem.realtime.hub import current_hub, observe
from imsystem.realtime.topics import EVERYTHING, Scope, identity_in

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

KEPT_S = 30.0
# Identities whose values are kept.
MAX_KEPT = 20_000

Read = Callable[[Sequence[K]], Awaitable[Mapping[K, T]]]


# When something was read: time.monotonic(), and the hub's epoch. One for every message.
Moment = tuple[float, int]


class Followed(Generic[K, T]):
    """The cache of one event loop. `read` gets keys and returns what it finds of them.

    Every value is about one identity, which `about` takes from its key; a change of a topic with
    this identity, whose scope is among `scopes`, drops all values about it.
    """

    def __init__(self, read: Read[K, T], about: Callable[[K], str], *scopes: Scope) -> None:
        self._reads = SharedReads(read)
        self._about = about
        self._scopes = scopes
        self._hub = current_hub()
        # identity -> key -> (value, when it was asked for)
        self._kept: OrderedDict[str, dict[K, tuple[T, float]]] = OrderedDict()
        self._changed_at: OrderedDict[str, float] = OrderedDict()

    def moment(self) -> Moment:
        """Returns this moment, to compare with later."""
        return time.monotonic(), self._hub.epoch

    def known(self, key: K) -> T | None:
        """Returns the value if it is kept. Values are shared: do not change them."""
        about = self._kept.get(self._about(key))
        kept = about.get(key) if about else None
        if kept and self._hub.healthy and time.monotonic() - kept[1] < KEPT_S:
            return kept[0]
        return None

    async def get(self, keys: Sequence[K]) -> dict[K, T]:
        """Returns what there is of the keys, reading those that are not kept."""
        known = {key: self.known(key) for key in keys}
        found = {key: value for key, value in known.items() if value is not None}
        if len(found) < len(known):
            self._hub.start()  # from now on this process hears of changes
            moment = self.moment()
            read = await self._reads.get_all([key for key in known if key not in found])
            self.keep(read, moment)
            found.update(read)
        return found

    def keep(self, read: Mapping[K, T], moment: Moment) -> None:
        """Keeps what was read since this moment, unless it has changed meanwhile."""
        at, epoch = moment
        if not self._hub.healthy or self._hub.epoch != epoch:
            return
        for key, value in read.items():
            about = self._about(key)
            if self._changed_at.get(about, 0.0) < at:
                self._kept.setdefault(about, {})[key] = (value, at)
                _renew(self._kept, about)

    def changed_since(self, identity: str, moment: Moment) -> bool:
        """Whether what was read then about an identity may be wrong by now."""
        at, epoch = moment
        return self._changed_at.get(identity, 0.0) >= at or self._hub.epoch != epoch

    def forget(self, event: ev.Changed) -> None:
        """Drops the values that the event is about."""
        if event.topic == EVERYTHING:
            self._kept.clear()
        for scope in self._scopes:
            identity = identity_in(event.topic, scope)
            if identity is not None:
                self._kept.pop(identity, None)
                self._changed_at[identity] = time.monotonic()
                _renew(self._changed_at, identity)


V = TypeVar("V")


def _renew(kept: OrderedDict[str, V], identity: str) -> None:
    kept.move_to_end(identity)
    if len(kept) > MAX_KEPT:
        kept.popitem(last=False)


def followed(
    read: Read[K, T], *scopes: Scope, about: Callable[[K], str] = str
) -> PerLoop[Followed[K, T]]:
    """Returns a Followed for each event loop. The loop's hub tells it of changes. A key is the
    identity that its value is about, unless `about` takes that from it."""
    per_loop = PerLoop(lambda: Followed(read, about, *scopes))

    @observe(ev.Changed)
    def forget(event: ev.Changed) -> None:
        if (kept := per_loop.made()) is not None:
            kept.forget(event)

    return per_loop
