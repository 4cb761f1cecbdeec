"""Token buckets in the memory of one process: for what happens too often to ask Redis each time."""

from math import inf

from imsystem.env import Rate

MANY = 1_024


class Bucket:
    """At most `rate.amount` at once, refilled evenly over `rate.window_s`.

    One number says how full it is (the generic cell rate algorithm): the time at which it will be
    full again. 0.1 microseconds a look, and no timer. A rate without an amount is no limit.
    """

    __slots__ = ("_full_at", "_slack", "_step")

    def __init__(self, rate: Rate) -> None:
        self._full_at = 0.0
        self._step = rate.window_s / rate.amount if rate.amount else 0.0
        # Half a step more than exact: sums of floats must not cost the last one.
        self._slack = rate.window_s - self._step / 2 if rate.amount else inf

    def take(self, now: float) -> bool:
        """Takes one, unless it is empty. `now` as time.monotonic()."""
        full_at = self._full_at
        if full_at < now:
            full_at = now
        if full_at - now > self._slack:
            return False
        self._full_at = full_at + self._step
        return True

    def spend(self, now: float, units: float) -> None:
        """Takes so many, even if they are not there yet."""
        self._full_at = max(self._full_at, now) + units * self._step

    def shut(self) -> None:
        """From now on there is nothing to take."""
        self._slack = -1.0

    def wait_s(self, now: float) -> float:
        """Returns in how many seconds there is one to take."""
        return max(0.0, self._full_at - now - self._slack + self._step / 2)

    def is_full(self, now: float) -> bool:
        return self._full_at <= now


class Buckets:
    """A bucket for each key. Those that are full again are forgotten, so that keys which come only
    once (addresses of the whole internet) do not stay."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: dict[str, Bucket] = {}
        self._forget_at = MANY

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float) -> float:
        """Takes one of the key's. Returns 0.0, or the seconds until there is one."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._make(key, now)
        return 0.0 if bucket.take(now) else max(bucket.wait_s(now), 0.001)

    def wait_s(self, key: str, now: float) -> float:
        """Returns in how many seconds there is one of the key's to take; takes none."""
        bucket = self._buckets.get(key)
        return 0.0 if bucket is None else bucket.wait_s(now)

    def spend(self, key: str, now: float, units: float) -> None:
        """Takes so many of the key's, even if they are not there yet."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._make(key, now)
        bucket.spend(now, units)

    def _make(self, key: str, now: float) -> Bucket:
        if len(self._buckets) >= self._forget_at:
            busy = {key: some for key, some in self._buckets.items() if not some.is_full(now)}
            self._buckets = busy
            self._forget_at = max(MANY, 2 * len(busy))
        bucket = self._buckets[key] = Bucket(self._rate)
        return bucket
