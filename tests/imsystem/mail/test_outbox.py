"""The outbox: mails leave once, come back after failures, and are given up when too late."""

import smtplib
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from prometheus_client import REGISTRY

from imsystem.jobs.models import Job, State
from imsystem.mail.handover import hand_over
from imsystem.mail.outbox import Mail, queue_key
from imsystem.mail.posting import post
from imsystem.redis import sync_redis
from tests.jobs import run_jobs
from tests.mailbox import deliver_due, delivered

HELLO = Mail("a@example.org", "Hello", "the code is 123456")


class Broken(EmailBackend):
    """A mail server that answers with `error`; what it was asked to send is in `asked`."""

    error: Exception = ConnectionRefusedError("a@example.org")
    asked: list[Any] = []

    def send_messages(self, messages: Any) -> int:
        self.asked.extend(messages)
        raise self.error


@pytest.fixture
def broken(settings: Any) -> Iterator[type[Broken]]:
    settings.EMAIL_BACKEND = "tests.imsystem.mail.test_outbox.Broken"
    Broken.asked.clear()
    yield Broken
    Broken.error = ConnectionRefusedError("a@example.org")


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        yield clock


def later(clock: Any, milliseconds: int) -> None:
    clock.shift(timedelta(milliseconds=milliseconds))


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("imsystem_mail_total", {"outcome": outcome}) or 0.0


def test_a_mail_goes_out_once() -> None:
    before = counted("sent")
    post(HELLO, good_for_s=60)
    assert (deliver_due(), deliver_due()) == (1, 0)
    [message] = mail.outbox
    assert (message.to, message.subject, message.body) == (["a@example.org"], "Hello", HELLO.body)
    assert not Job.objects.exists()
    assert counted("sent") == before + 1


def test_neither_database_can_read_it() -> None:
    post(HELLO, good_for_s=60)
    [key] = sync_redis().keys(f"{queue_key()}:*")
    stored = sync_redis().hgetall(key)
    assert not any(word in stored[b"mail"] for word in (b"123456", b"example.org", b"Hello"))
    assert 58 <= sync_redis().ttl(key) <= 60
    hand_over()
    job = Job.objects.get()
    assert not any(word in job.payload for word in ("123456", "example.org", "Hello"))
    assert sync_redis().keys(f"{queue_key()}*") == []


def test_once_handed_over_it_survives_an_emptied_redis() -> None:
    post(HELLO, good_for_s=60)
    hand_over()
    sync_redis().flushall()
    assert deliver_due() == 1


def test_a_failure_is_tried_again_later_each_time(
    broken: type[Broken], clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    post(HELLO, good_for_s=86_400)
    assert deliver_due() == 0
    for tries, wait in enumerate((1, 2, 4, 8, 16, 32, 60, 60), start=1):
        later(clock, wait * 1000 - 1)
        deliver_due()
        assert len(broken.asked) == tries
        later(clock, 1)
        deliver_due()
        assert len(broken.asked) == tries + 1
    assert "example.org" not in caplog.text  # the error's own text names the address


def test_each_try_is_the_same_mail(broken: type[Broken], clock: Any) -> None:
    post(HELLO, good_for_s=60)
    deliver_due()
    later(clock, 1_000)
    deliver_due()
    first, second = (message_from_bytes(m.message().as_bytes()) for m in broken.asked)
    assert first["Message-ID"] == second["Message-ID"]


def test_after_the_mail_server_is_back_it_goes_out(
    broken: type[Broken], clock: Any, settings: Any
) -> None:
    post(HELLO, good_for_s=60)
    assert deliver_due() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert delivered() == []
    later(clock, 1000)
    assert [message.subject for message in delivered()] == ["Hello"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            smtplib.SMTPRecipientsRefused({"a@example.org": (550, b"5.1.1 a@example.org unknown")}),
            "550 5.1.1 (recipient)",
        ),
        (smtplib.SMTPDataError(554, b"spam of a@example.org"), "554 (message)"),
    ],
)
def test_a_refusal_for_good_is_not_repeated(
    broken: type[Broken], caplog: pytest.LogCaptureFixture, error: Exception, text: str
) -> None:
    broken.error = error
    before = counted("permanent")
    post(HELLO, good_for_s=60)
    hand_over()
    assert run_jobs("mail") == ["failed"]
    job = Job.objects.get()
    assert (job.state, job.error) == (State.FAILED, text)
    assert f"a job of mail failed for good: {text}" in caplog.text
    assert "example.org" not in caplog.text
    assert counted("permanent") == before + 1


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            smtplib.SMTPRecipientsRefused({"a@example.org": (451, b"4.7.1 greylisted")}),
            "451 4.7.1 (recipient)",
        ),
        (smtplib.SMTPDataError(452, b"disk full"), "452 (message)"),
        (smtplib.SMTPSenderRefused(530, b"5.7.0 log in", "im@example.org"), "530 5.7.0 (sender)"),
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 no"), "535 5.7.8 (login)"),
        (smtplib.SMTPServerDisconnected(), "SMTPServerDisconnected"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_other_errors_are_repeated(
    broken: type[Broken],
    clock: Any,
    error: Exception,
    text: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken.error = error
    post(HELLO, good_for_s=60)
    hand_over()
    assert run_jobs("mail") == ["retry"]
    assert f"a job of mail, try 1: {text}" in caplog.text
    later(clock, 1000)
    deliver_due()
    assert len(broken.asked) == 2


def test_too_late_is_given_up(clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    post(HELLO, good_for_s=60)
    hand_over()
    later(clock, 60_000)
    assert run_jobs("mail") == ["expired"]
    assert (mail.outbox, Job.objects.count()) == ([], 0)
    assert "a job of the queue mail came too late" in caplog.text
