"""How often something may be done: counted in Redis, so over all processes together."""

import math
import time
from functools import cache

from django.conf import settings
from django.utils.crypto import salted_hmac
from limits import RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from imsystem.errors import RateLimited
from imsystem.redis import KEY_PREFIX, sync_redis


@cache
def _limiter() -> MovingWindowRateLimiter:
    # The address only names the kind of server: the connections are those of sync_redis().
    pool = sync_redis().connection_pool
    storage = RedisStorage("redis://", connection_pool=pool, key_prefix=f"{KEY_PREFIX}limit")
    return MovingWindowRateLimiter(storage)


class Limit:
    """At most `amount` times in any `window_s` seconds, for each key. RATE_LIMITS=off lifts it."""

    def __init__(self, name: str, *, amount: int, window_s: int) -> None:
        self._name = name
        self._item = RateLimitItemPerSecond(amount, window_s)

    def take(self, *key: str) -> None:
        """Counts one use; raises RateLimited, and counts nothing, when all are used up."""
        if settings.RATE_LIMITS and not _limiter().hit(self._item, *self._identifiers(key)):
            reset, _remaining = _limiter().get_window_stats(self._item, *self._identifiers(key))
            raise RateLimited(math.ceil(reset - time.time()))

    def forgive(self, *key: str) -> None:
        """Forgets what was counted for this key."""
        if settings.RATE_LIMITS:
            _limiter().clear(self._item, *self._identifiers(key))

    def _identifiers(self, key: tuple[str, ...]) -> tuple[str, str]:
        """Keys hold addresses and names of people: Redis gets only a hash of them."""
        return self._name, salted_hmac("limits", "\0".join(key), algorithm="sha256").hexdigest()
