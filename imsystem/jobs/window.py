"""Which due times a runner looks at next, so that no look at the database takes long.

SecantusDB reads every document in the range of a find, whatever the limit. So a look covers a range
that holds a few jobs, and nothing that was seen to be empty is read twice.
"""

# More jobs than this in one look: the next range is shorter.
MANY = 100
# Jobs are stored up to a deadline after their due time was taken from the clock.
LAG_MS = 10_000
# Clocks of several hosts differ: what an idle runner has passed is looked at again after this.
AGAIN_MS = 60_000
_GROWTH = 4


class Window:
    """Returns the next range of `due_at`, from the oldest due time on that may still have jobs."""

    def __init__(self) -> None:
        self._start = 0
        self._step = LAG_MS
        self._began_at = 0

    def span(self, now: int) -> tuple[int, int]:
        return self._start, min(now, self._start + self._step)

    def looked(self, found: int, end: int, now: int) -> bool:
        """Notes how many jobs were found up to `end`. Returns True when another look is to follow,
        and what this one found is to be left alone."""
        if found > MANY and end > self._start + 1:
            self._step = max(1, (end - self._start) // _GROWTH)
            return True
        if found:
            return False
        self._step *= _GROWTH
        if end < now:
            self._start = end
            return True
        self._start = max(self._start, now - LAG_MS)
        if now - self._began_at > AGAIN_MS:
            self._start, self._step, self._began_at = 0, LAG_MS, now
        return False
