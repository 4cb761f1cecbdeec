"""The outbox: mails leave once, come back after failures, and are given up when too late."""

import asyncio
import logging
import smtplib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from imsystem.mail import outbox
from imsystem.mail.outbox import LEASE_MS, QUEUE, Mail, deliver_due, post
from imsystem.redis import sync_redis
from tests.mailbox import delivered

HELLO = Mail("a@example.org", "Hello", "the code is 123456")


class Broken(EmailBackend):
    """A mail server that answers with `error`; what it was asked to send is in `asked`."""

    error: Exception = ConnectionRefusedError("a@example.org")
    asked: list[str] = []

    def send_messages(self, messages: Any) -> int:
        self.asked.extend(message.subject for message in messages)
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


def test_a_mail_goes_out_once() -> None:
    post(HELLO, good_for_s=60)
    assert (deliver_due(), deliver_due()) == (1, 0)
    [message] = mail.outbox
    assert (message.to, message.subject, message.body) == (["a@example.org"], "Hello", HELLO.body)
    assert message.from_email == "IMSystem <noreply@localhost>"
    assert sync_redis().keys(f"{QUEUE}*") == []


def test_redis_cannot_read_it() -> None:
    post(HELLO, good_for_s=60)
    [key] = sync_redis().keys(f"{QUEUE}:*")
    stored = sync_redis().hgetall(key)
    assert list(stored) == [b"mail"]
    assert not any(word in stored[b"mail"] for word in (b"123456", b"example.org", b"Hello"))


def test_twenty_workers_send_each_mail_once() -> None:
    for number in range(20):
        post(Mail("a@example.org", str(number), ""), good_for_s=60)
    with ThreadPoolExecutor(20) as pool:
        counts = list(pool.map(lambda _worker: deliver_due(), range(20)))
    assert sum(counts) == 20
    assert sorted(int(message.subject) for message in mail.outbox) == list(range(20))


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
    "error",
    [
        smtplib.SMTPRecipientsRefused({"a@example.org": (550, b"no such user")}),
        smtplib.SMTPDataError(554, b"spam"),
    ],
)
def test_a_refusal_for_good_is_not_repeated(
    broken: type[Broken], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    broken.error = error
    post(HELLO, good_for_s=60)
    assert deliver_due() == 0
    assert sync_redis().keys(f"{QUEUE}*") == []
    [record] = [record for record in caplog.records if record.name == "imsystem.mail.outbox"]
    assert (record.levelno, record.getMessage()) == (
        logging.ERROR,
        f"a mail was refused for good: {type(error).__name__}",
    )


@pytest.mark.parametrize(
    "error",
    [
        smtplib.SMTPRecipientsRefused({"a@example.org": (451, b"greylisted")}),
        smtplib.SMTPDataError(452, b"disk full"),
        smtplib.SMTPServerDisconnected(),
        TimeoutError(),
    ],
)
def test_other_errors_are_repeated(broken: type[Broken], clock: Any, error: Exception) -> None:
    broken.error = error
    post(HELLO, good_for_s=60)
    deliver_due()
    later(clock, 1000)
    deliver_due()
    assert len(broken.asked) == 2


def test_too_late_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    post(HELLO, good_for_s=60)
    [key] = sync_redis().keys(f"{QUEUE}:*")
    sync_redis().delete(key)  # as Redis does after 60 s
    assert deliver_due() == 0
    assert mail.outbox == []
    assert sync_redis().keys(f"{QUEUE}*") == []
    assert "a mail could not be delivered in time" in caplog.text


def test_redis_forgets_it_when_it_is_too_late() -> None:
    post(HELLO, good_for_s=60)
    [key] = sync_redis().keys(f"{QUEUE}:*")
    assert 58 <= sync_redis().ttl(key) <= 60


def test_another_process_sends_what_a_dead_one_had_taken(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(HELLO, good_for_s=600)
    with monkeypatch.context() as dying:
        dying.setattr(outbox, "_deliver", lambda job: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            deliver_due()
    later(clock, LEASE_MS - 1)
    assert deliver_due() == 0
    later(clock, 1)
    assert deliver_due() == 1


def test_under_another_key_it_is_dropped(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    post(HELLO, good_for_s=60)
    settings.SECRET_KEY = "another" * 10
    assert deliver_due() == 0
    assert sync_redis().keys(f"{QUEUE}*") == []
    assert "SECRET_KEY has changed" in caplog.text


def test_a_former_key_still_reads_it(settings: Any) -> None:
    post(HELLO, good_for_s=60)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert deliver_due() == 1


async def test_the_worker_wakes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the post comes from a thread, as requests do."""
    monkeypatch.setattr(outbox, "POLL_S", 60)
    workers = outbox._start()
    try:
        await asyncio.sleep(0.1)  # all wait
        await asyncio.to_thread(post, HELLO, good_for_s=60)
        async with asyncio.timeout(5):
            while not mail.outbox:
                await asyncio.sleep(0.01)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)
