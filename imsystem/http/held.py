"""How much memory and disk the requests under way hold: bodies that are being received, answers
that wait to be read. Counted in this process, by the client's address."""

from collections import Counter
from collections.abc import Callable

from django.conf import settings

from imsystem.errors import RateLimited, Unavailable
from imsystem.loops import PerLoop

RETRY_S = 5
# Of what all bodies together may hold: the rest is for callers who have signed in before.
STRANGERS_SHARE = 0.5

Known = Callable[[], bool]


def nobody_is_known() -> bool:
    return False


class Held:
    """Bytes held for requests under way. 0 means no limit."""

    def __init__(self, per_source: int, in_all: int) -> None:
        self._per_source = per_source
        self._in_all = in_all
        self._of_source: Counter[str] = Counter()
        self.bodies = 0

    def of(self, source: str) -> int:
        return self._of_source[source]

    def check(self, source: str) -> None:
        """Raises RateLimited when so much is held for this address that it gets no more."""
        if source and 0 < self._per_source <= self._of_source[source]:
            raise RateLimited(RETRY_S)

    def take(self, source: str, size: int, is_known: Known = nobody_is_known) -> None:
        """Counts a piece of a body; `give_back` must follow. Raises RateLimited, or Unavailable
        when it is too much for all together, and counts nothing then. `is_known` is asked only
        when there is no room left for strangers."""
        self.check(source)
        all_bodies = self.bodies + size
        if 0 < self._in_all < all_bodies:
            raise Unavailable
        if 0 < self._in_all * STRANGERS_SHARE < all_bodies and not is_known():
            raise Unavailable
        self.bodies += size
        self._of_source[source] += size

    def give_back(self, source: str, size: int) -> None:
        self.bodies -= size
        self._less(source, size)

    def keep(self, source: str, size: int) -> None:
        """Counts an answer until `let_go`. It is never refused: it exists already."""
        self._of_source[source] += size

    def let_go(self, source: str, size: int) -> None:
        self._less(source, size)

    def _less(self, source: str, size: int) -> None:
        self._of_source[source] -= size
        if self._of_source[source] <= 0:
            del self._of_source[source]


def _make() -> Held:
    per_source = settings.HELD_BYTES_PER_IP if settings.RATE_LIMITS else 0
    return Held(per_source, settings.HELD_BYTES_PER_PROCESS)


current_held: Callable[[], Held] = PerLoop(_make)
