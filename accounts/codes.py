"""Codes sent by e-mail: six random digits, ten minutes, one use, five tries.

Redis holds an HMAC of purpose, address and code, never the code or the address: who reads Redis
learns neither. A million codes can be tried against a bare hash in a second, hence the key.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from imsystem.errors import BadRequest, RateLimited
from imsystem.redis import KEY_PREFIX, sync_redis

_CODE = re.compile(r"[0-9]{6}")

# One step, so that of two requests with the same code only one gets 1. Comparing digests needs no
# constant time: who cannot make the HMAC learns nothing from how much of it matched.
_CONSUME = """
local digest = redis.call('HGET', KEYS[1], 'digest')
if not digest then return 0 end
if digest == ARGV[1] then
  redis.call('DEL', KEYS[1])
  return 1
end
if redis.call('HINCRBY', KEYS[1], 'tries', 1) >= tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[1])
end
return 0
"""


class Purpose(StrEnum):
    """What a code is for. A code for one purpose is worth nothing for another."""

    REGISTER = "register"
    RESET = "reset"
    CHANGE_EMAIL = "change_email"


def _digest(text: str) -> str:
    return salted_hmac("accounts.codes", text, algorithm="sha256").hexdigest()


def _key(kind: str, purpose: Purpose, email: str) -> str:
    return f"{KEY_PREFIX}{kind}:{purpose}:{_digest(email)}"


def start_cooldown(*, purpose: Purpose, email: str) -> None:
    """Raises RateLimited when a code went to this address less than a minute ago."""
    key = _key("code-sent", purpose, email)
    redis = sync_redis()
    if not redis.set(key, 1, nx=True, ex=settings.CODE_COOLDOWN_S):
        raise RateLimited(redis.ttl(key))


def issue(*, purpose: Purpose, email: str) -> str:
    """A new code for this purpose and canonical address; the one before it is void."""
    code = f"{secrets.randbelow(1_000_000):06}"
    _store(purpose, email, code)
    return code


def _store(purpose: Purpose, email: str, code: str) -> None:
    key = _key("code", purpose, email)
    with sync_redis().pipeline(transaction=True) as pipe:
        pipe.delete(key)
        pipe.hset(key, "digest", _digest(f"{purpose}|{email}|{code}"))
        pipe.expire(key, settings.CODE_TTL_S)
        pipe.execute()


def consume(*, purpose: Purpose, email: str, code: str) -> bool:
    """True once, for the right code in time. A wrong one counts as a try; the last try voids."""
    if _CODE.fullmatch(code) is None:
        return False
    digest = _digest(f"{purpose}|{email}|{code}")
    key = _key("code", purpose, email)
    return int(sync_redis().eval(_CONSUME, 1, key, digest, str(settings.CODE_TRIES))) == 1


@contextmanager
def consumed(*, purpose: Purpose, email: str, code: str) -> Iterator[None]:
    """Consumes the code for the block; raises BadRequest instead when it is not good.

    When the block fails, the code is good again: nothing happened that it was spent on.
    """
    if not consume(purpose=purpose, email=email, code=code):
        raise bad_code()
    try:
        yield
    except Exception:
        _store(purpose, email, code)
        raise


def bad_code() -> BadRequest:
    """One answer for wrong, expired, used and voided codes."""
    return BadRequest(errors={"code": [_("This code is wrong or no longer valid.")]})
