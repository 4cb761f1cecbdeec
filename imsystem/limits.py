"""How often something may be done: counted in Redis, so over all processes together."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, NoReturn, Self

from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis import Redis

from imsystem.clock import now_ms
from imsystem.env import Rate
from imsystem.errors import RateLimited
from imsystem.outage import is_outage
from imsystem.redis import key as redis_key
from imsystem.redis import secret_name, sync_redis

_lifted: ContextVar[bool] = ContextVar("lifted", default=False)


@contextmanager
def lifted() -> Iterator[None]:
    """Lifts limits inside: commands are run by the administrator, who does not flood."""
    token = _lifted.set(True)
    try:
        yield
    finally:
        _lifted.reset(token)


def _limiter() -> MovingWindowRateLimiter:
    return _limiter_on(sync_redis(), redis_key("limit"))


@cache
def _limiter_on(client: "Redis", key_prefix: str) -> MovingWindowRateLimiter:
    # The library makes clients of its own; its scripts run on ours, of whichever kind it is.
    storage = RedisStorage("redis://", key_prefix=key_prefix)
    storage.storage = client
    storage.initialize_storage("")
    return MovingWindowRateLimiter(storage)


class Limit:
    """At most `amount` times in any `window_s` seconds, for each key. RATE_LIMITS=off lifts it, and
    an amount of 0 means no limit.

    `lenient`: while Redis is down everybody is let through (what they want is limited elsewhere
    too).
    """

    def __init__(self, name: str, *, amount: int, window_s: int, lenient: bool = False) -> None:
        self._name = name
        self._amount = amount
        self._lenient = lenient
        self._item = RateLimitItemPerSecond(amount, window_s)

    @classmethod
    def at(cls, name: str, rate: Rate, *, lenient: bool = False) -> Self:
        """A limit whose figures are a setting."""
        return cls(name, amount=rate.amount, window_s=rate.window_s, lenient=lenient)

    def take(self, *key: str) -> None:
        """Counts one use. Raises RateLimited, and counts nothing, when all are used up."""
        self._apply(self._take, key)

    def _apply(self, step: Callable[[tuple[str, ...]], None], key: tuple[str, ...]) -> None:
        if not settings.RATE_LIMITS or not self._amount or _lifted.get():
            return
        try:
            step(key)
        except Exception as exc:
            if not (self._lenient and is_outage(exc)):
                raise

    def _take(self, key: tuple[str, ...]) -> None:
        if not _limiter().hit(self._item, *self._identifiers(key)):
            self._refuse(key)

    def _check(self, key: tuple[str, ...]) -> None:
        if not _limiter().test(self._item, *self._identifiers(key)):
            self._refuse(key)

    def _refuse(self, key: tuple[str, ...]) -> NoReturn:
        reset, _remaining = _limiter().get_window_stats(self._item, *self._identifiers(key))
        raise RateLimited(math.ceil(reset - time.time()))

    def check(self, *key: str) -> None:
        """Raises RateLimited when all uses are used up; counts nothing. It is for failures, which
        are counted (`take`) when they are known."""
        self._apply(self._check, key)

    def forgive(self, *key: str) -> None:
        """Forgets what was counted for this key."""
        if settings.RATE_LIMITS:
            _limiter().clear(self._item, *self._identifiers(key))

    def _identifiers(self, key: tuple[str, ...]) -> tuple[str, str]:
        return self._name, secret_name(*key)


# One step, so that parallel uses do not slip through. The value is the time at which the allowance
# will be whole again (the generic cell rate algorithm); ARGV: now, ms a use, ms the whole takes.
_ALLOW = """
local now, step, whole = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local whole_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local wait = whole_at + step - now - whole
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.0f', whole_at + step), 'PX', math.ceil(whole))
return 0
"""
_GIVE_BACK = """
local whole_at = tonumber(redis.call('GET', KEYS[1]) or '0') - tonumber(ARGV[2])
if whole_at > tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], string.format('%.0f', whole_at), 'KEEPTTL')
else
  redis.call('DEL', KEYS[1])
end
return 0
"""


class Allowance:
    """`amount` uses at once, refilled evenly over `window_s`: what is taken can be given back.

    For failures: each try takes one before it is judged, so that parallel tries do not slip
    through, and gives it back when it turns out not to be a failure. RATE_LIMITS=off lifts it.
    """

    def __init__(self, name: str, *, amount: int, window_s: int) -> None:
        self._name = name
        whole_ms = window_s * 1000
        self._arguments = (str(whole_ms // amount), str(whole_ms))

    def take(self, *key: str) -> None:
        """Takes one. Raises RateLimited, and takes nothing, when there is none."""
        if not settings.RATE_LIMITS or _lifted.get():
            return
        wait_ms = self._run(_ALLOW, key)
        if wait_ms:
            raise RateLimited(math.ceil(wait_ms / 1000))

    def give_back(self, *key: str) -> None:
        """Undoes one `take`."""
        if settings.RATE_LIMITS and not _lifted.get():
            self._run(_GIVE_BACK, key)

    def _run(self, script: str, key: tuple[str, ...]) -> Any:
        name = redis_key("limit", "allowance", self._name, secret_name(*key))
        return sync_redis().eval(script, 1, name, str(now_ms()), *self._arguments)


# One step, so that parallel tries do not slip through: 0 to go on, otherwise the milliseconds to
# wait.
_TRY = """
local now = tonumber(ARGV[1])
local over = tonumber(redis.call('HGET', KEYS[1], 'until') or '0')
if over > now then return over - now end
local tries = redis.call('HINCRBY', KEYS[1], 'tries', 1)
local wait = 0
if tries >= tonumber(ARGV[2]) then
  wait = math.min(tonumber(ARGV[3]) * 2 ^ (tries - tonumber(ARGV[2])), tonumber(ARGV[4]))
end
redis.call('HSET', KEYS[1], 'until', now + wait)
redis.call('EXPIRE', KEYS[1], 86400)
return 0
"""


class GrowingDelay:
    """Tries at a secret: `free` of them at once, then a wait that doubles with each, from `first_s`
    up to `longest_s`. A day without a try resets it. RATE_LIMITS=off lifts it."""

    def __init__(self, name: str, *, free: int, first_s: int, longest_s: int) -> None:
        self._name = name
        self._arguments = (str(free), str(first_s * 1000), str(longest_s * 1000))

    def take(self, *key: str) -> None:
        """Counts one try. Raises RateLimited, and counts nothing, while the wait is not over."""
        if not settings.RATE_LIMITS or _lifted.get():
            return
        script = (_TRY, 1, self._key(key), str(now_ms()), *self._arguments)
        wait_ms: Any = sync_redis().eval(*script)
        if wait_ms:
            raise RateLimited(math.ceil(wait_ms / 1000))

    def forgive(self, *key: str) -> None:
        """Forgets the tries: one was right."""
        if settings.RATE_LIMITS:
            sync_redis().delete(self._key(key))

    def _key(self, key: tuple[str, ...]) -> str:
        return redis_key("delay", self._name, secret_name(*key))
