"""The web workers: one that ends is started again; the databases of the others go on."""

import time
from collections.abc import Callable

from imsystem.embedded import UpError
from imsystem.embedded.children import Child

# After so long, a death is one by itself and not one of a series.
STEADY_S = 30.0
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
MAX_QUICK_DEATHS = 5

Start = Callable[[int], Child]
Say = Callable[[str], None]


class Worker:
    """One place for a web process, and who is in it."""

    def __init__(self, number: int, child: Child) -> None:
        self.number = number
        self.child = child
        self.serves = True
        self.quick_deaths = 0
        self._since = time.monotonic()
        self._next_start: float | None = None  # None while a child is in place

    @property
    def buried(self) -> bool:
        return self._next_start is not None

    def bury(self, now: float) -> None:
        """Its child has ended: says when there will be another. The first time at once, then after
        1, 2, 4 ... 30 s."""
        steady = self.serves and now - self._since > STEADY_S
        self.quick_deaths = 1 if steady else self.quick_deaths + 1
        self.serves = False
        doubled = FIRST_WAIT_S * 2 ** (self.quick_deaths - 2)
        wait_s = 0.0 if self.quick_deaths == 1 else min(doubled, LONGEST_WAIT_S)
        self._next_start = now + wait_s

    def is_due(self, now: float) -> bool:
        return self._next_start is not None and now >= self._next_start

    def replace(self, child: Child) -> None:
        self.child = child
        self._next_start = None
        child.go()

    def look(self, now: float) -> bool:
        """True once when a new child has begun to serve."""
        if self.serves or self.buried or not self.child.is_ready():
            return False
        self.serves = True
        self._since = now
        return True


class Revival:
    """Watches workers that serve, and puts new ones in the places of those that end."""

    def __init__(self, workers: list[Worker], start: Start, say: Say) -> None:
        self.workers = workers
        self._start = start
        self._say = say

    def look(self, now: float) -> None:
        """To be called often. Raises UpError when none serves and a new one does not live long."""
        for worker in self.workers:
            if not worker.buried and not worker.child.runs():
                self._bury(worker, now)
            if worker.is_due(now):
                worker.replace(self._start(worker.number))
            if worker.look(now):
                self._say(f"{worker.child.name} serves again")

    def _bury(self, worker: Worker, now: float) -> None:
        worker.child.control.close()
        worker.bury(now)
        obituary = worker.child.obituary()
        nobody_serves = not any(other.serves for other in self.workers)
        if worker.quick_deaths >= MAX_QUICK_DEATHS and nobody_serves:
            raise UpError(f"{obituary} It was the {MAX_QUICK_DEATHS}th time in a row.")
        self._say(f"{obituary} It is started again.")
