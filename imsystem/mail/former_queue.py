"""Mails that a former version left in its queue in Redis, which no process reads any more.

To be removed two minor versions after 0.1.
"""

import json
import logging
from typing import Any

from imsystem.clock import now_ms
from imsystem.encryption import DecryptionError, decrypt
from imsystem.mail.outbox import Mail, post_until
from imsystem.redis import KEY_PREFIX, sync_redis

logger = logging.getLogger(__name__)

QUEUE = f"{KEY_PREFIX}outbox"


def move_to_jobs() -> int:
    """Makes jobs of the mails that are due there; returns how many. Safe to repeat: the job's key
    is the mail's. What a process of the former version is sending has a later due time."""
    moved = 0
    identities: Any = sync_redis().zrangebyscore(QUEUE, "-inf", now_ms())
    for raw in identities:
        identity = raw.decode()
        left_ms: Any = sync_redis().pttl(f"{QUEUE}:{identity}")
        sealed: Any = sync_redis().hget(f"{QUEUE}:{identity}", "mail")
        if sealed is not None and left_ms > 0 and (mail := _read(sealed)) is not None:
            post_until(mail, now_ms() + left_ms, key=f"former {identity}")
            moved += 1
        sync_redis().zrem(QUEUE, identity)
        sync_redis().delete(f"{QUEUE}:{identity}")
    return moved


def _read(sealed: bytes) -> Mail | None:
    try:
        return Mail(**json.loads(decrypt(sealed.decode(), purpose="outbox")))
    except DecryptionError:
        logger.error("a queued mail cannot be read: SECRET_KEY has changed")
        return None
