"""Mail on its way: each mail is a job (imsystem.jobs), sent by the web processes.

A slow or dead mail server delays no answer, and an answer's time does not tell which mail was sent.
A mail is tried again until it is too late for it to be of use; it may arrive twice when a process
dies between sending it and noting that, and is not lost when one dies before.

A request leaves its mail in Redis (0.2 ms), and a process makes a job of it a moment later: storing
the job itself took 3-7 ms of an answer on the embedded database. If Redis is lost in between, so
are the codes that it keeps, and a mail with a code is of no use.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from imsystem.clock import now_ms
from imsystem.encryption import encrypt
from imsystem.ids import new_identity
from imsystem.jobs.tasks import Queue, job
from imsystem.loops import call_on_loop
from imsystem.mail.delivery import deliver
from imsystem.redis import key, sync_redis

PURPOSE = "outbox"
# Sends at once in a process: one dead mail server must not hold up the mail to all others.
MAIL = Queue("mail", at_once=4)


@dataclass(frozen=True)
class Mail:
    """One plain-text mail to one address."""

    to: str
    subject: str
    body: str


# Connecting, TLS and sending have EMAIL_TIMEOUT (10 s) each. Mails hold codes: they are encrypted.
@job(queue=MAIL, tries=0, longest_run_s=60, secret=True)
def send_mail(to: str, subject: str, body: str, message_id: str) -> None:
    """Hands one mail to the mail server. Raises GiveUp when it is refused for good."""
    deliver(to, subject, body, message_id)


def queue_key() -> str:
    """A sorted set of identities by the time (Unix ms) at which a process may take them."""
    return key("{outbox}")


def key_of(identity: str) -> str:
    """One mail: a hash, which Redis forgets when the mail is too late."""
    return key("{outbox}", identity)


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
    call_on_loop(_hand_over_soon)


def _hand_over_soon() -> None:
    from imsystem.jobs.chores import run_soon
    from imsystem.mail.handover import hand_over

    run_soon(hand_over)
