"""From the queue of requests in Redis to jobs in MongoDB."""

import json
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from imsystem.clock import now_ms
from imsystem.encryption import DecryptionError, decrypt
from imsystem.mail.outbox import PURPOSE, Mail, key_of, queue_key, send_mail
from imsystem.redis import sync_redis

logger = logging.getLogger(__name__)

# Mails of processes that died on the way, and of management commands, are found this often.
EVERY_S = 2.0
LEASE_MS = 60_000
AGAIN_MS = 2_000

# Takes the mail that has been due longest: nobody else takes it during the lease.
_CLAIM = """
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 1)
if not ids[1] then return false end
redis.call('ZADD', KEYS[1], ARGV[2], ids[1])
return ids[1]
"""


def hand_over() -> int:
    """Makes jobs of all mails that are due there, and returns how many. The key of a job is its
    mail's identity, so that an interruption between the two databases makes no second one."""
    moved = 0
    while (identity := _claim()) is not None:
        try:
            moved += _move(identity)
        except Exception:
            sync_redis().zadd(queue_key(), {identity: now_ms() + AGAIN_MS})
            raise
    return moved


def _claim() -> str | None:
    now = now_ms()
    found: Any = sync_redis().eval(_CLAIM, 1, queue_key(), str(now), str(now + LEASE_MS))
    return None if found is None else found.decode()


def _move(identity: str) -> bool:
    left_ms: Any = sync_redis().pttl(key_of(identity))
    mail = _read(identity)
    if mail is not None:
        task = send_mail.using(
            not_after=now_ms() + max(0, left_ms), key=identity, run_after=_due(identity)
        )
        task.enqueue(**asdict(mail), message_id=identity)
    with sync_redis().pipeline(transaction=True) as pipe:
        pipe.zrem(queue_key(), identity)
        pipe.delete(key_of(identity))
        pipe.execute()
    return mail is not None


def _due(identity: str) -> datetime | None:
    """Returns when a mail for later is to be sent: it waits as a job, which Redis cannot lose."""
    due_at: Any = sync_redis().hget(key_of(identity), "due_at")
    return None if due_at is None else datetime.fromtimestamp(int(due_at) / 1_000, UTC)


def _read(identity: str) -> Mail | None:
    """Returns None when it is too late for the mail, or SECRET_KEY has changed."""
    sealed: Any = sync_redis().hget(key_of(identity), "mail")
    if sealed is None:
        logger.error("a mail could not be delivered in time")
        return None
    try:
        return Mail(**json.loads(decrypt(sealed.decode(), purpose=PURPOSE)))
    except DecryptionError:
        logger.error("a queued mail cannot be read: SECRET_KEY has changed")
        return None
