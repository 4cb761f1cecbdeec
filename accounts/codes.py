"""Codes sent by e-mail: six random digits, ten minutes, one use, five tries.

Redis holds an HMAC of purpose, address and code, never the code or the address: somebody who reads
Redis learns neither. Against a bare hash a million codes can be tried in a second, hence the key.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from imsystem.clock import now_ms
from imsystem.errors import BadRequest, RateLimited
from imsystem.redis import key as redis_key
from imsystem.redis import sync_redis
from imsystem.text import folded

_CODE = re.compile(r"[0-9]{6}")

# What is kept for an address: a code for each place that asked for one, as "digest tries end".
# Asking for a code somewhere else invalidates none of them, and wrong codes typed in one place cost
# the code that was requested there. Codes requested in other places are valid here too (people ask
# on one device and type on another), but all places together have few tries at those.
#
# It is one step, so that of two requests with the same code only one gets it. Comparing digests
# needs no constant time: somebody who cannot make the HMAC learns nothing from how much of it
# matched.
_CONSUME = """
local place, digest, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local own, found, others = false, nil, false
local all = redis.call('HGETALL', KEYS[1])
for index = 1, #all, 2 do
  local kept, tries, ends = string.match(all[index + 1], '^(%x+) (%d+) (%d+)$')
  if tonumber(ends) <= now then
    redis.call('HDEL', KEYS[1], all[index])
  elseif all[index] == place then
    own = true
    if kept == digest then
      redis.call('HDEL', KEYS[1], place)
      return {place, all[index + 1]}
    elseif tonumber(tries) + 1 >= tonumber(ARGV[4]) then
      redis.call('HDEL', KEYS[1], place)
    else
      redis.call('HSET', KEYS[1], place, kept .. ' ' .. (tries + 1) .. ' ' .. ends)
    end
  else
    others = true
    if kept == digest then found = {all[index], all[index + 1]} end
  end
end
if not others then return 'wrong' end
if tonumber(redis.call('GET', KEYS[2]) or '0') >= tonumber(ARGV[5]) then
  return own and 'wrong' or 'elsewhere'
end
if found then
  redis.call('HDEL', KEYS[1], found[1])
  return found
end
if redis.call('INCR', KEYS[2]) == 1 then redis.call('EXPIRE', KEYS[2], 86400) end
return 'wrong'
"""
# Wrong codes a day for one address, typed in places where no code was requested.
TRIES_ELSEWHERE = 5


class Purpose(StrEnum):
    """What a code is for. A code for one purpose is not valid for another."""

    REGISTER = "register"
    RESET = "reset"
    CHANGE_EMAIL = "change_email"


def _digest(text: str) -> str:
    return salted_hmac("accounts.codes", text, algorithm="sha256").hexdigest()


def _key(kind: str, purpose: Purpose, email: str) -> str:
    # In braces: the same server of a cluster keeps all keys of one address.
    return redis_key(kind, f"{{{_digest(f'{purpose}|{email}')}}}")


def start_cooldown(*, purpose: Purpose, email: str, place: str = "") -> None:
    """Raises RateLimited when a code was asked for this address in this place less than a minute
    ago."""
    key = f"{_key('code-sent', purpose, email)}:{_digest(place)}"
    redis = sync_redis()
    if not redis.set(key, 1, nx=True, ex=settings.CODE_COOLDOWN_S):
        wait_s = max(1, redis.ttl(key))
        told = _("A code was just sent. You can ask for another in %(seconds)s s.")
        raise RateLimited(wait_s, told % {"seconds": wait_s})


def issue(*, purpose: Purpose, email: str, place: str = "") -> str:
    """Returns a new code for this purpose and canonical address, and invalidates the one requested
    in the same place before. `place` names who asks: a device, or a source."""
    code = f"{secrets.randbelow(1_000_000):06}"
    ends = now_ms() + settings.CODE_TTL_S * 1000
    value = f"{_digest(f'{purpose}|{email}|{code}')} 0 {ends}"
    _store(_key("code", purpose, email), _digest(place), value)
    return code


def _store(key: str, place: str, value: str) -> None:
    with sync_redis().pipeline(transaction=True) as pipe:
        pipe.hset(key, place, value)
        pipe.expire(key, settings.CODE_TTL_S)
        pipe.execute()


class Used(NamedTuple):
    """A correct code, as it was stored: it can be given back."""

    key: str
    place: str
    value: str

    def give_back(self) -> None:
        """Makes the code valid again, until the end of its time."""
        _store(self.key, self.place, self.value)


def _consume(purpose: Purpose, email: str, code: str, place: str) -> Used:
    """Uses up the correct code and returns it. Raises BadRequest for any other."""
    code = folded(code)
    if _CODE.fullmatch(code) is None:
        raise bad_code()
    key = _key("code", purpose, email)
    digest = _digest(f"{purpose}|{email}|{code}")
    most = (settings.CODE_TRIES, TRIES_ELSEWHERE)
    keys = (key, _key("code-elsewhere", purpose, email))
    found: Any = sync_redis().eval(_CONSUME, 2, *keys, _digest(place), digest, now_ms(), *most)
    if isinstance(found, list):
        return Used(key, found[0].decode(), found[1].decode())
    raise ask_here() if found == b"elsewhere" else bad_code()


def consume(*, purpose: Purpose, email: str, code: str, place: str = "") -> bool:
    """Returns True once, for the correct code in time. A wrong one counts as a try; the last try
    invalidates the code."""
    try:
        _consume(purpose, email, code, place)
    except BadRequest:
        return False
    return True


@contextmanager
def consumed(*, purpose: Purpose, email: str, code: str, place: str = "") -> Iterator[None]:
    """Uses up the code for the block, or raises BadRequest when it is not valid.

    When the block fails, the code is valid again: nothing has been done with it.
    """
    used = _consume(purpose, email, code, place)
    try:
        yield
    except Exception:
        used.give_back()
        raise


def bad_code() -> BadRequest:
    """One answer for wrong, expired, used and invalidated codes."""
    return BadRequest(errors={"code": [_("This code is wrong or has expired.")]})


def ask_here() -> BadRequest:
    """Somebody has used up the tries at codes that were requested in other places."""
    text = _("Too many wrong codes. Request a new code on this device.")
    return BadRequest(errors={"code": [text]})
