"""Mail on its way: queued in Redis, sent by a worker inside each web process.

A slow or dead mail server slows no answer, and an answer's time does not tell which mail was
sent. A mail is tried again until it is too late for it to be of use; it may arrive twice when a
process dies between sending it and noting that, and is not lost when one dies before.

The queue is a sorted set of job ids by the time (Unix ms) they are due. Who takes a job moves it
LEASE_MS ahead, so that another process takes it should this one die. The job itself, sealed
because mails hold codes, is a hash that Redis forgets when the mail is too late.
"""

import asyncio
import json
import logging
import smtplib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage

from imsystem.clock import now_ms
from imsystem.encryption import DecryptionError, decrypt, encrypt
from imsystem.ids import new_identity
from imsystem.loops import PerLoop, call_on_loop
from imsystem.outage import is_outage
from imsystem.redis import KEY_PREFIX, sync_redis

logger = logging.getLogger(__name__)

QUEUE = f"{KEY_PREFIX}outbox"
# Longer than a mail server may take: connecting, TLS and sending have EMAIL_TIMEOUT (10 s) each.
LEASE_MS = 60_000
FIRST_RETRY_MS = 1_000
LONGEST_RETRY_MS = 60_000
# Jobs that other processes left, and jobs whose retry is due, are found within this time.
POLL_S = 2.0
# Sends at once in a process: one dead mail server must not hold up the mail to all others.
WORKERS = 4

_CLAIM = """
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 1)
if not ids[1] then return false end
redis.call('ZADD', KEYS[1], ARGV[2], ids[1])
return ids[1]
"""


@dataclass(frozen=True)
class Mail:
    """One plain-text mail to one address."""

    to: str
    subject: str
    body: str


def post(mail: Mail, *, good_for_s: int, due_in_s: int = 0) -> None:
    """Queues a mail and returns at once. It is sent `due_in_s` seconds from now, and not any more
    `good_for_s` seconds after that."""
    job = new_identity()
    with sync_redis().pipeline(transaction=True) as pipe:
        pipe.hset(_key(job), "mail", encrypt(json.dumps(asdict(mail)), purpose="outbox"))
        pipe.expire(_key(job), due_in_s + good_for_s)
        pipe.zadd(QUEUE, {job: now_ms() + due_in_s * 1000})
        pipe.execute()
    call_on_loop(lambda: _posted().set())


def deliver_due() -> int:
    """Sends what is due, one mail after the other, and gives the number that went out."""
    sent = 0
    while (job := _claim()) is not None:
        sent += _deliver(job)
    return sent


def _key(job: str) -> str:
    return f"{QUEUE}:{job}"


def _claim() -> str | None:
    now = now_ms()
    job: Any = sync_redis().eval(_CLAIM, 1, QUEUE, str(now), str(now + LEASE_MS))
    return None if job is None else job.decode()


def _deliver(job: str) -> bool:
    """Sends one job that is ours for LEASE_MS. False when it did not go out."""
    mail = _read(job)
    if mail is None:
        _drop(job)
        return False
    try:
        EmailMessage(mail.subject, mail.body, settings.DEFAULT_FROM_EMAIL, [mail.to]).send()
    except OSError as exc:  # smtplib's errors are OSErrors
        _failed(job, exc)
        return False
    _drop(job)
    return True


def _read(job: str) -> Mail | None:
    """The mail of a job; None when it is too late for it, or SECRET_KEY has changed."""
    sealed: Any = sync_redis().hget(_key(job), "mail")
    if sealed is None:
        logger.error("a mail could not be delivered in time")
        return None
    try:
        return Mail(**json.loads(decrypt(sealed.decode(), purpose="outbox")))
    except DecryptionError:
        logger.error("a queued mail cannot be read: SECRET_KEY has changed")
        return None


def _failed(job: str, exc: OSError) -> None:
    """Puts the job off, longer each time; drops it when the mail server said "never"."""
    # Only the kind of error: its text may name the address.
    if _is_final(exc):
        logger.error("a mail was refused for good: %s", type(exc).__name__)
        _drop(job)
        return
    tries: Any = sync_redis().hincrby(_key(job), "tries", 1)
    wait = min(FIRST_RETRY_MS * 2 ** (tries - 1), LONGEST_RETRY_MS)
    sync_redis().zadd(QUEUE, {job: now_ms() + wait})
    logger.warning("a mail could not be handed over, try %d: %s", tries, type(exc).__name__)


def _is_final(exc: OSError) -> bool:
    """The recipient or the message is refused with a 5xx answer: asking again is no use."""
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _text in exc.recipients.values())
    return isinstance(exc, smtplib.SMTPDataError) and exc.smtp_code >= 500


def _drop(job: str) -> None:
    with sync_redis().pipeline(transaction=True) as pipe:
        pipe.zrem(QUEUE, job)
        pipe.delete(_key(job))
        pipe.execute()


# --- the worker ---------------------------------------------------------------------------------

_posted = PerLoop(asyncio.Event)
# A pool of its own: a slow mail server must not take the threads of the handshakes.
_pool = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="mail")


async def _work_for_ever() -> None:
    loop, posted = asyncio.get_running_loop(), _posted()
    while True:
        try:
            await loop.run_in_executor(_pool, deliver_due)
        except Exception as exc:
            if not is_outage(exc):
                logger.exception("the outbox failed")
        try:
            async with asyncio.timeout(POLL_S):
                await posted.wait()
        except TimeoutError:
            continue
        posted.clear()


def _start() -> "list[asyncio.Task[None]]":
    loop = asyncio.get_running_loop()
    return [loop.create_task(_work_for_ever()) for _worker in range(WORKERS)]


# Starts the workers of the running loop, once.
start_outbox = PerLoop(_start)
