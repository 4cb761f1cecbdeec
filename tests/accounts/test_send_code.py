"""Sending codes: the same for known and unknown addresses, limited, and honest when mail is
down."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import translation

from accounts import codes, services, trusted_devices
from accounts.codes import Purpose
from accounts.models import User
from accounts.services import SentCode
from accounts.services import codes as code_services
from imsystem.errors import BadRequest, RateLimited
from imsystem.limits import Limit
from imsystem.redis import key, sync_redis
from tests.accounts.conftest import PASSWORD, mailed_code, wrong
from tests.api import Api
from tests.mailbox import deliver_due, delivered, delivered_to

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
    assert message.subject == "No IMSystem account for this address"
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


def later() -> None:
    """The minute between two codes is over."""
    for stored in sync_redis().keys(key("code-sent", "*")):
        sync_redis().delete(stored)


def outcomes(email: str, ips: Iterable[str], purpose: Purpose = Purpose.RESET, **asker: Any) -> str:
    """Returns a letter for each request: s for sent, r for refused."""
    said = ""
    for ip in ips:
        later()
        try:
            services.send_code(email=email, purpose=purpose, ip=ip, **asker)
        except RateLimited:
            said += "r"
        else:
            said += "s"
    return said


STRANGER = "198.51.100.7"
MANY = [f"2001:db8:{number:x}::1" for number in range(40)]


@pytest.fixture
def _many_per_ip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_services, "CODES_PER_IP", Limit("t", amount=1_000, window_s=600))


@pytest.mark.usefixtures("_many_per_ip")
@pytest.mark.parametrize("email", ["alice@example.org", "nobody@example.org"])
@pytest.mark.parametrize("purpose", Purpose)
def test_one_source_leaves_codes_for_others(alice: User, email: str, purpose: Purpose) -> None:
    assert outcomes(email, [STRANGER] * 20, purpose) == "s" * 6 + "r" * 14
    assert outcomes(email, ["192.0.2.1"] * 2, purpose) == "sr"
    assert outcomes(email, ["2001:db8::1", "2001:db8::2"], purpose) == "sr"  # one source


@pytest.mark.usefixtures("_many_per_ip")
def test_all_strangers_together_send_fifteen_mails_a_day() -> None:
    asked = MANY + MANY[:10]
    assert outcomes("new@example.org", asked) == "s" * 10 + "r" * 30 + "s" * 5 + "r" * 5
    assert outcomes("new@example.org", MANY) == "r" * 40
    assert len(delivered()) == 15


def use_up(email: str) -> None:
    assert outcomes(email, MANY + MANY[:10]).endswith("r" * 5)


def test_the_owner_s_places_have_codes_of_their_own(alice: User) -> None:
    services.sign_in_user(user=alice, ip="192.0.2.1", device="")
    use_up(alice.email)
    assert outcomes(alice.email, ["203.0.113.1"]) == "r"
    assert outcomes(alice.email, ["192.0.2.1"] * 11) == "s" * 10 + "r"
    mine = trusted_devices._with_user("", alice)
    assert outcomes(alice.email, ["203.0.113.1"] * 11, device_token=mine) == "s" * 10 + "r"


def test_a_stranger_s_device_is_a_stranger(alice: User, bob: User) -> None:
    use_up(alice.email)
    assert (
        outcomes(alice.email, ["192.0.2.1"], device_token=trusted_devices._with_user("", bob))
        == "r"
    )


def test_an_office_that_used_its_codes_up_leaves_the_owner_alone(alice: User) -> None:
    services.sign_in_user(user=alice, ip="10.0.0.1", device="")
    for number in range(15):
        send(f"new{number}@example.org")
    assert outcomes("new15@example.org", ["10.0.0.1"]) == "r"
    assert outcomes(alice.email, ["10.0.0.1"]) == "s"


def test_a_change_of_address_counts_who_is_signed_in(alice: User, bob: User) -> None:
    use_up("new@example.org")
    asked = {"purpose": Purpose.CHANGE_EMAIL, "user": alice}
    assert outcomes("new@example.org", ["192.0.2.1"] * 11, **asked) == "s" * 10 + "r"
    code = mailed_code("new@example.org")
    assert outcomes("new@example.org", ["192.0.2.1"], **{**asked, "user": bob}) == "s"
    services.change_email(user=alice, email="new@example.org", code=code, password=PASSWORD)


@pytest.mark.parametrize("door", ["page", "api"])
def test_both_doors_know_who_is_signed_in(alice: User, door: str) -> None:
    use_up("new@example.org")
    later()
    if door == "page":
        client = Client()
        client.post("/accounts/login/", {"account": "alice", "password": PASSWORD})
        body = {"email": "new@example.org", "action": "send_code"}
        assert client.post("/accounts/email/", body).status_code == 200
    else:
        body = {"email": "new@example.org", "purpose": "change_email"}
        assert Api(alice).post("auth/code/", body).status_code == 202
        assert Api().post("auth/code/", body).status_code == 429
    assert len(delivered_to("new@example.org")) == 16


@pytest.mark.parametrize("door", ["page", "api"])
def test_a_reset_goes_through_while_strangers_ask_and_guess(alice: User, door: str) -> None:
    """Everything from the first e-mail to the new password, when only the owner's source is
    known."""
    for number in range(8):
        outcomes(alice.email, [f"203.0.113.{number}"] * 3)
    client = Client(REMOTE_ADDR="192.0.2.1")
    path = "/accounts/password/reset/" if door == "page" else "/api/v1/auth/"
    form: dict[str, Any] = {} if door == "page" else {"content_type": "application/json"}
    body = {"email": alice.email, "action": "send_code", "purpose": "reset"}
    client.post(path if door == "page" else f"{path}code/", body, **form)
    code = mailed_code(alice.email)
    for number in range(30):
        outcomes(alice.email, [MANY[number]])
        with pytest.raises(BadRequest):
            services.reset_password(
                email=alice.email, code=wrong(code), password="x" * 12, ip=MANY[number]
            )
    body = {"email": alice.email, "code": code, "password": "battery staple correct"}
    answer = client.post(path if door == "page" else f"{path}password/reset/", body, **form)
    assert answer.status_code == (302 if door == "page" else 204)
    assert User.objects.get(pk=alice.pk).check_password("battery staple correct")


def test_codes_typed_from_one_source() -> None:
    typed = {"email": "new@example.org", "code": "000000", "password": PASSWORD}
    for number in range(60):
        with pytest.raises(BadRequest):
            services.reset_password(**{**typed, "email": f"n{number}@example.org"}, ip=STRANGER)
    with pytest.raises(RateLimited):
        services.reset_password(**typed, ip=STRANGER)
    with pytest.raises(RateLimited):
        services.register(**typed, account="new", ip=STRANGER)
    with pytest.raises(BadRequest):
        services.register(**typed, account="new", ip="192.0.2.1")


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
