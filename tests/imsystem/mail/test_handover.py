"""From Redis to jobs: also the mails that version 0.1.0 had queued there."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from imsystem.clock import now_ms
from imsystem.encryption import encrypt
from imsystem.jobs import store
from imsystem.jobs.models import Job
from imsystem.mail import handover
from imsystem.mail.handover import LEASE_MS, hand_over
from imsystem.mail.outbox import Mail, key_of, queue_key
from imsystem.mail.posting import post
from imsystem.redis import sync_redis
from tests.mailbox import delivered


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        yield clock


def queue(identity: str, *, due_at: int, good_for_s: int = 60) -> None:
    """As `post` of version 0.1.0 did it."""
    text = json.dumps({"to": "a@example.org", "subject": identity, "body": "the code is 123456"})
    sync_redis().hset(key_of(identity), "mail", encrypt(text, purpose="outbox"))
    sync_redis().expire(key_of(identity), good_for_s)
    sync_redis().zadd(queue_key(), {identity: due_at})


def test_they_are_sent() -> None:
    queue("one", due_at=now_ms() - 5)
    assert hand_over() == 1
    assert 50_000 < (Job.objects.get().not_after or 0) - now_ms() <= 60_000
    assert [message.subject for message in delivered()] == ["one"]
    assert sync_redis().keys(f"{queue_key()}*") == []
    assert hand_over() == 0


def test_interrupted_between_the_two_databases_it_repeats_without_a_second_mail() -> None:
    queue("one", due_at=now_ms() - 5)
    kept = sync_redis().hgetall(key_of("one"))
    hand_over()
    sync_redis().hset(key_of("one"), mapping=kept)  # type: ignore[arg-type]
    sync_redis().expire(key_of("one"), 60)
    sync_redis().zadd(queue_key(), {"one": now_ms()})
    hand_over()
    assert len(delivered()) == 1


def test_twenty_who_hand_over_make_one_job_of_each() -> None:
    for number in range(20):
        post(Mail("a@example.org", str(number), ""), good_for_s=60)
    with ThreadPoolExecutor(20) as pool:
        counts = list(pool.map(lambda _process: hand_over(), range(20)))
    assert (sum(counts), Job.objects.count()) == (20, 20)


def test_what_a_dead_process_had_taken_is_taken_again(clock: Any) -> None:
    post(Mail("a@example.org", "one", ""), good_for_s=600)
    assert handover._claim() is not None
    clock.shift(timedelta(milliseconds=LEASE_MS - 1))
    assert hand_over() == 0
    clock.shift(timedelta(milliseconds=1))
    assert hand_over() == 1


def test_while_mongodb_is_away_the_mail_waits_in_redis(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(Mail("a@example.org", "one", ""), good_for_s=600)
    with monkeypatch.context() as away:
        away.setattr(store, "insert", lambda *args, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            hand_over()
    clock.shift(timedelta(milliseconds=handover.AGAIN_MS))
    assert hand_over() == 1


async def test_a_server_hands_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    await asyncio.to_thread(post, Mail("a@example.org", "one", ""), good_for_s=60)
    async with asyncio.timeout(10):
        while await asyncio.to_thread(sync_redis().zcard, queue_key()):
            await asyncio.sleep(0.01)


def test_what_the_former_version_is_sending_stays_its_own() -> None:
    queue("leased", due_at=now_ms() + 60_000)
    assert hand_over() == 0
    assert not Job.objects.exists()
    assert sync_redis().zcard(queue_key()) == 1


def test_too_late_or_unreadable_is_dropped(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    queue("late", due_at=now_ms() - 5)
    sync_redis().delete(key_of("late"))
    queue("sealed", due_at=now_ms() - 5)
    settings.SECRET_KEY = "another" * 10
    assert hand_over() == 0
    assert "SECRET_KEY has changed" in caplog.text
    assert sync_redis().keys(f"{queue_key()}*") == []
