"""Posts mails.

A request leaves its mail in Redis (0.2 ms), and a process makes a job of it a moment later: storing
the job itself took 3-7 ms of an answer on the embedded database. If Redis is lost in between, so
are the codes that it keeps, and a mail with a code is of no use.
"""

import json
from dataclasses import asdict
from functools import partial
from typing import Any

from imsystem.clock import now_ms
from imsystem.encryption import encrypt
from imsystem.ids import new_identity
from imsystem.jobs.chores import run_soon
from imsystem.loops import call_on_loop
from imsystem.mail.handover import hand_over
from imsystem.mail.outbox import PURPOSE, Mail, key_of, queue_key
from imsystem.redis import sync_redis


def post(mail: Mail, *, good_for_s: int, due_in_s: int = 0) -> None:
    """Queues a mail and returns at once. It is sent `due_in_s` seconds from now, and no later than
    `good_for_s` seconds after that."""
    # Also the Message-ID: a mail that is sent twice has one identity, and is shown once.
    identity = new_identity()
    fields: dict[Any, Any] = {"mail": encrypt(json.dumps(asdict(mail)), purpose=PURPOSE)}
    if due_in_s:
        fields["due_at"] = str(now_ms() + due_in_s * 1_000)
    with sync_redis().pipeline(transaction=True) as pipe:
        pipe.hset(key_of(identity), mapping=fields)
        pipe.expire(key_of(identity), due_in_s + good_for_s)
        pipe.zadd(queue_key(), {identity: now_ms()})
        pipe.execute()
    call_on_loop(partial(run_soon, hand_over))
