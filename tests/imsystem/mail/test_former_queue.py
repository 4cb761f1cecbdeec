"""Mails that the former version had queued in Redis."""

import json
from typing import Any

import pytest

from imsystem.clock import now_ms
from imsystem.encryption import encrypt
from imsystem.jobs.models import Job
from imsystem.mail.former_queue import QUEUE, move_to_jobs
from imsystem.redis import sync_redis
from tests.mailbox import delivered


def queue(identity: str, *, due_at: int, good_for_s: int = 60) -> None:
    """As `post` of version 0.1.0 did it."""
    text = json.dumps({"to": "a@example.org", "subject": identity, "body": "the code is 123456"})
    sync_redis().hset(f"{QUEUE}:{identity}", "mail", encrypt(text, purpose="outbox"))
    sync_redis().expire(f"{QUEUE}:{identity}", good_for_s)
    sync_redis().zadd(QUEUE, {identity: due_at})


def test_they_are_sent() -> None:
    queue("one", due_at=now_ms() - 5)
    assert move_to_jobs() == 1
    assert 50_000 < (Job.objects.get().not_after or 0) - now_ms() <= 60_000
    assert [message.subject for message in delivered()] == ["one"]
    assert sync_redis().keys(f"{QUEUE}*") == []
    assert move_to_jobs() == 0


def test_interrupted_between_the_two_databases_it_repeats_without_a_second_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue("one", due_at=now_ms() - 5)
    kept = sync_redis().hgetall(f"{QUEUE}:one")
    move_to_jobs()
    sync_redis().hset(f"{QUEUE}:one", mapping=kept)  # type: ignore[arg-type]
    sync_redis().expire(f"{QUEUE}:one", 60)
    sync_redis().zadd(QUEUE, {"one": now_ms()})
    move_to_jobs()
    assert len(delivered()) == 1


def test_what_the_former_version_is_sending_stays_its_own() -> None:
    queue("leased", due_at=now_ms() + 60_000)
    assert move_to_jobs() == 0
    assert not Job.objects.exists()
    assert sync_redis().zcard(QUEUE) == 1


def test_too_late_or_unreadable_is_dropped(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    queue("late", due_at=now_ms() - 5)
    sync_redis().delete(f"{QUEUE}:late")
    queue("sealed", due_at=now_ms() - 5)
    settings.SECRET_KEY = "another" * 10
    assert move_to_jobs() == 0
    assert "SECRET_KEY has changed" in caplog.text
    assert sync_redis().keys(f"{QUEUE}*") == []
