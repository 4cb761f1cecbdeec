"""Who has a socket, in any process: what Redis knows of it.

For each user a sorted set of the hubs that have a socket of theirs, by the time (Unix ms) until
which the entry is good. Every process renews its own. One more set holds all entries, so that the
others find those of a process that died. Hosts' clocks may differ by some seconds, not by minutes.

Scripts, each for many users at once: 500 users as a pipeline of plain commands kept the event loop
busy for 50 ms, as one script for 2 ms.
"""

from collections.abc import Sequence
from typing import Any

from imsystem.clock import now_ms
from imsystem.loops import run_on_loop
from imsystem.outage import is_outage
from imsystem.redis import async_redis, key

GOOD_FOR_MS = 60_000
REAPED_AT_ONCE = 500

# All: KEYS[1] is the set of all entries, the other keys those of the users ARGV[4], ARGV[5], ...
_ONLINE = """
local found = {}
for place = 2, #KEYS do
  if redis.call('ZCOUNT', KEYS[place], '(' .. ARGV[2], '+inf') > 0 then
    found[#found + 1] = ARGV[place + 2]
  end
end
return found
"""
_ENTER = """
local came = {}
for place = 2, #KEYS do
  local key, user = KEYS[place], ARGV[place + 2]
  redis.call('ZREMRANGEBYSCORE', key, '-inf', ARGV[2])
  if redis.call('ZCARD', key) == 0 then came[#came + 1] = user end
  redis.call('ZADD', key, ARGV[3], ARGV[1])
  redis.call('PEXPIRE', key, ARGV[3] - ARGV[2])
  redis.call('ZADD', KEYS[1], ARGV[3], user .. ' ' .. ARGV[1])
end
return came
"""
_LEAVE = """
local gone = {}
for place = 2, #KEYS do
  local key, user = KEYS[place], ARGV[place + 2]
  redis.call('ZREM', key, ARGV[1])
  redis.call('ZREM', KEYS[1], user .. ' ' .. ARGV[1])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', ARGV[2])
  if redis.call('ZCARD', key) == 0 then gone[#gone + 1] = user end
end
return gone
"""
# Removes each entry from the set of all, so that it is given to one process only.
_REAP = """
local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
local gone = {}
for _, entry in ipairs(dead) do
  redis.call('ZREM', KEYS[1], entry)
  local user = string.match(entry, '^%S+')
  local key = KEYS[1] .. ':' .. user
  redis.call('ZREMRANGEBYSCORE', key, '-inf', ARGV[1])
  if redis.call('ZCARD', key) == 0 then gone[#gone + 1] = user end
end
return gone
"""


def entries_key(*user: str) -> str:
    """The key of the set of all entries, or of one user's. In braces: scripts use both."""
    return key("{online}", *user)


async def _run(script: str, hub: str, users: Sequence[str]) -> list[str]:
    now = now_ms()
    keys = [entries_key(), *map(entries_key, users)]
    arguments = [hub, str(now), str(now + GOOD_FOR_MS), *users]
    found: Any = await async_redis().eval(script, len(keys), *keys, *arguments)
    return list(found)


async def online_among(user_identities: Sequence[str]) -> set[str]:
    """Those of the users who are online; nobody while Redis does not answer."""
    try:
        return set(await _run(_ONLINE, "", user_identities))
    except Exception as exc:
        if is_outage(exc):
            return set()
        raise


def online_from_thread(user_identities: Sequence[str]) -> set[str]:
    """The same for synchronous callers."""
    return run_on_loop(online_among(user_identities)) if user_identities else set()


async def enter(hub: str, users: Sequence[str]) -> list[str]:
    """Enters or renews the users' entries for this hub; returns who was offline before."""
    return await _run(_ENTER, hub, users)


async def leave(hub: str, users: Sequence[str]) -> list[str]:
    """Removes the users' entries for this hub; returns who is offline now."""
    return await _run(_LEAVE, hub, users)


async def reap() -> list[str]:
    """Removes entries of processes that died; returns who is offline by that."""
    now, most = str(now_ms()), str(REAPED_AT_ONCE)
    gone: Any = await async_redis().eval(_REAP, 1, entries_key(), now, most)
    return list(gone)
