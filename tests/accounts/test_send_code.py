"""send_code: the same for known and unknown addresses, limited, and honest about dead mail."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import translation

from accounts import codes, services
from accounts.codes import Purpose
from accounts.models import User
from accounts.services import SentCode
from accounts.services import codes as code_services
from imsystem.errors import BadRequest, RateLimited
from imsystem.mail.outbox import deliver_due
from imsystem.redis import sync_redis
from tests.accounts.conftest import mailed_code
from tests.mailbox import delivered

SENT = SentCode(expires_in=600, retry_after=60)


def send(email: str, purpose: Purpose = Purpose.REGISTER, ip: str = "10.0.0.1") -> SentCode:
    return services.send_code(email=email, purpose=purpose, ip=ip)


@pytest.mark.parametrize("purpose", [Purpose.REGISTER, Purpose.CHANGE_EMAIL])
def test_a_free_address_gets_the_code(purpose: Purpose) -> None:
    assert send(" New@Example.org", purpose) == SENT
    [message] = delivered()
    assert message.to == ["new@example.org"]
    code = mailed_code("new@example.org")
    assert code in message.body
    assert codes.consume(purpose=purpose, email="new@example.org", code=code)


@pytest.mark.parametrize("purpose", [Purpose.REGISTER, Purpose.CHANGE_EMAIL])
def test_a_used_address_gets_no_code(alice: User, purpose: Purpose) -> None:
    assert send("ALICE@example.org", purpose) == SENT
    [message] = delivered()
    assert message.subject == "You already have an IMSystem account"
    assert not any(char.isdigit() for char in message.subject + message.body)


def test_a_known_address_gets_a_code_to_reset(alice: User) -> None:
    assert send(alice.email, Purpose.RESET) == SENT
    assert mailed_code(alice.email) in delivered()[0].body


@pytest.mark.parametrize("state", ["unknown", "deactivated"])
def test_others_get_no_code_to_reset(alice: User, state: str) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    email = alice.email if state == "deactivated" else "nobody@example.org"
    assert send(email, Purpose.RESET) == SENT
    [message] = delivered()
    assert message.subject == "There is no IMSystem account for this address"
    assert not any(char.isdigit() for char in message.subject + message.body)


def test_no_mail_to_what_is_no_address() -> None:
    with pytest.raises(BadRequest):
        send("a@x.cn\r\nBcc: b@x.cn")
    assert delivered() == []
    assert sync_redis().keys() == []


@pytest.mark.parametrize("known", [True, False])
def test_one_mail_a_minute(alice: User, known: bool) -> None:
    email = alice.email if known else "new@example.org"
    send(email)
    with pytest.raises(RateLimited) as refused:
        send(email.upper())
    assert 58 <= refused.value.retry_after <= 60
    assert len(delivered()) == 1


def test_ten_mails_a_day_to_one_address() -> None:
    for number in range(10):
        send("new@example.org", ip=f"10.0.0.{number}")
        sync_redis().delete(*sync_redis().keys("im:code-sent:*"))
    with pytest.raises(RateLimited) as refused:
        send("new@example.org", ip="10.0.0.99")
    assert 86_000 < refused.value.retry_after <= 86_400
    assert len(delivered()) == 10


def test_fifteen_addresses_in_ten_minutes_from_one_ip() -> None:
    for number in range(15):
        assert send(f"new{number}@example.org") == SENT
    with pytest.raises(RateLimited) as refused:
        send("new15@example.org")
    assert 595 < refused.value.retry_after <= 600
    assert send("new15@example.org", ip="10.0.0.2") == SENT


@pytest.mark.parametrize("before", [199, 200])
def test_two_hundred_codes_a_day_from_one_ip(before: int) -> None:
    for _ in range(before):
        code_services.CODES_PER_IP_DAY.take("10.0.0.1")
    if before == 200:
        with pytest.raises(RateLimited):
            send("new@example.org")
    else:
        assert send("new@example.org") == SENT


def test_a_dead_mail_server_changes_no_answer(settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # type: ignore[attr-defined]
    assert send("new@example.org") == SENT
    assert deliver_due() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"  # type: ignore[attr-defined]
    with time_machine.travel(timedelta(seconds=1) + datetime.now(UTC)):
        assert mailed_code("new@example.org")


def test_mails_speak_the_readers_language() -> None:
    with translation.override("zh-hans"):
        send("new@example.org")
    [message] = delivered()
    code = mailed_code("new@example.org", "([0-9]{6}) 是你的 IMSystem 验证码")
    assert f"注册 IMSystem 账号的验证码：\n\n    {code}\n\n10 分钟内有效" in message.body
