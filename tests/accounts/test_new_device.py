"""The e-mail about a sign-in from a new device: when it is sent, and what it says."""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.test import Client
from redis.exceptions import ConnectionError as RedisDown

from accounts import mails, services
from accounts.models import DeviceSession, User
from tests.accounts.conftest import PASSWORD, ask_code, make_user
from tests.accounts.test_clients import CHROME_ON_WINDOWS
from tests.api import Api
from tests.mailbox import delivered_to

ENGLISH = """\
Someone signed in to your IMSystem account from a device or an address that has not been used before:

    Device: Chrome on Windows
    IP address: 203.0.113.5
    Time: 2026-11-22 10:00 UTC

If this was you, you don't need to do anything.
If this wasn't you, open IMSystem as usual, go to “Devices”, sign that device out, and change your password.

"""  # noqa: E501


def sign_in(user_agent: str = "curl/8.5", ip: str = "10.0.0.1", **headers: str) -> None:
    """Signs in through the API."""
    answer = Client(REMOTE_ADDR=ip, headers={"User-Agent": user_agent, **headers}).post(
        "/api/v1/auth/login/",
        {"account": "alice", "password": PASSWORD},
        content_type="application/json",
    )
    assert answer.status_code == 200, answer.content


def notices(address: str = "alice@example.org") -> list[EmailMessage]:
    return [mail for mail in delivered_to(address) if "code" not in mail.subject]


def test_the_first_sign_in_is_no_news(alice: User) -> None:
    sign_in()
    assert notices() == []


def test_registering_is_no_news() -> None:
    body = {"account": "carol", "password": PASSWORD, "email": "carol@example.org"}
    body["code"] = ask_code("carol@example.org")
    assert Api().post("auth/register/", body).status_code == 201
    assert notices("carol@example.org") == []


def test_a_new_device_is_told_once(alice: User) -> None:
    sign_in()
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False):
        sign_in(CHROME_ON_WINDOWS, "203.0.113.5")
        sign_in(CHROME_ON_WINDOWS, "203.0.113.5")
        (notice,) = notices()
    assert notice.subject == "New sign-in to your IMSystem account"
    assert (notice.body, notice.to) == (ENGLISH, ["alice@example.org"])


@pytest.mark.parametrize(
    ("user_agent", "ip", "told"),
    [
        ("curl/8.5", "10.0.0.1", 0),
        ("curl/8.6", "10.0.0.1", 0),
        ("curl/8.5", "10.0.0.2", 1),
        ("python-httpx/0.28", "10.0.0.1", 1),
    ],
)
def test_client_and_address_count(alice: User, user_agent: str, ip: str, told: int) -> None:
    sign_in()
    sign_in(user_agent, ip)
    assert len(notices()) == told


def test_nobody_else_is_told(alice: User, bob: User) -> None:
    services.sign_in_user(user=bob, ip="10.0.0.9", device="bob's")
    sign_in()
    sign_in(ip="10.0.0.2")
    assert notices(bob.email) == []


def by_page(client: Client) -> None:
    client.post("/accounts/login/", {"account": "alice", "password": PASSWORD})


def by_admin_form(client: Client) -> None:
    User.objects.update(is_staff=True)
    client.post("/admin/login/?next=/admin/", {"username": "alice", "password": PASSWORD})
    client.get("/admin/")


@pytest.mark.parametrize("door", [by_page, by_admin_form])
def test_browsers_are_told_of_too(alice: User, door: Any) -> None:
    sign_in()
    door(Client(REMOTE_ADDR="203.0.113.5", headers={"User-Agent": CHROME_ON_WINDOWS}))
    (notice,) = notices()
    assert "Device: Chrome on Windows" in notice.body


@pytest.mark.parametrize(("own", "asked"), [("zh-hans", "en"), ("en", "zh-CN")])
def test_in_the_owners_language_whoever_signs_in(alice: User, own: str, asked: str) -> None:
    User.objects.filter(pk=alice.pk).update(language=own)
    sign_in()
    sign_in(CHROME_ON_WINDOWS, "203.0.113.5", **{"Accept-Language": asked})
    (notice,) = notices()
    assert notice.subject.isascii() == (own == "en")
    assert ("Chrome on Windows" in notice.body) == (own == "en")
    assert "203.0.113.5" in notice.body


NOON = 1_795_348_800


def test_one_mail_an_hour_however_many_clients_there_are(alice: User) -> None:
    """The first is mailed at once, those of the next hour are summed up at its end; none is
    dropped."""
    with time_machine.travel(NOON, tick=False) as clock:
        sign_in()
        for number in range(62):
            sign_in("Mozilla/5.0", f"203.0.113.{number}")
        (first,) = notices()
        assert "203.0.113.0" in first.body
        assert "more such sign-ins" not in first.body
        clock.move_to(NOON + 59 * 60)
        assert len(notices()) == 1
        clock.move_to(NOON + 60 * 60)
        _first, second = notices()
        assert "203.0.113.1\n" in second.body
        assert "There may have been more such sign-ins" in second.body
        clock.move_to(NOON + 10 * 3600)
        assert len(notices()) == 2


def test_each_hour_has_its_mail(alice: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        sign_in()
        told = []
        for minute in range(0, 240, 10):
            clock.move_to(NOON + minute * 60)
            sign_in("Mozilla/5.0", f"203.0.113.{minute}")
            told.append(len(notices()))
        assert told == [1] * 6 + [2] * 6 + [3] * 6 + [4] * 6


def test_after_a_quiet_hour_the_next_is_told_at_once(alice: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        sign_in()
        sign_in("Mozilla/5.0", "203.0.113.1")
        clock.move_to(NOON + 61 * 60)
        sign_in("Mozilla/5.0", "203.0.113.2")
        assert [len(re.findall("more such", notice.body)) for notice in notices()] == [0, 0]


def test_of_sign_ins_at_once_one_is_told(alice: User) -> None:
    with ThreadPoolExecutor(4) as pool:
        for number in range(20):
            user = make_user(f"u{number}")
            services.sign_in_user(user=user, ip="10.0.0.1", device="first")
            sign_in_from = partial(services.sign_in_user, user=user, device="x")
            list(pool.map(lambda ip: sign_in_from(ip=f"203.0.113.{ip}"), range(4)))  # noqa: B023
            assert len(notices(user.email)) == 1


@pytest.mark.parametrize(
    "user_agent",
    [
        "https://evil.example/your-account",
        "evil.example/1.0",
        "Mozilla/5.0 (Windows NT 10.0) http://evil.example Chrome/142.0 Safari/537.36",
        "\r\nBcc: eve@evil.example",
        "{{7*7}}{% load x %}<b>&amp;",
    ],
)
def test_the_clients_words_are_no_addresses(alice: User, user_agent: str) -> None:
    sign_in()
    services.sign_in_user(user=alice, device=user_agent, ip="")
    (notice,) = notices()
    assert not re.search(r"://|evil\.|@|[<{&]|www\.", notice.body)
    assert (notice.to, notice.bcc) == (["alice@example.org"], [])
    assert "IP address: unknown" in notice.body


def test_a_wrong_password_is_not_told(alice: User) -> None:
    sign_in()
    Client(REMOTE_ADDR="10.0.0.2").post(
        "/api/v1/auth/login/",
        {"account": "alice", "password": "wrong"},
        content_type="application/json",
    )
    assert notices() == []


def test_without_a_notice_there_is_no_sign_in(alice: User, monkeypatch: Any) -> None:
    """Otherwise the next try would find that the device is known."""
    sign_in()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise RedisDown

    with monkeypatch.context() as patch:
        patch.setattr(mails, "post", fail)
        with pytest.raises(RedisDown):
            services.sign_in_user(user=alice, device="new", ip="")
    assert DeviceSession.objects.count() == 1
    services.sign_in_user(user=alice, device="new", ip="")
    assert len(notices()) == 1


def test_old_sessions_go_at_the_next_sign_in(alice: User, bob: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        sign_in()
        of_bob = services.sign_in_user(user=bob, ip="", device="").session
        ended = DeviceSession.objects.get(user=alice)
        services.sign_out(session=ended)
        services.sign_out(session=of_bob)
        clock.shift(90 * 24 * 3600)
        sign_in()
        assert DeviceSession.objects.filter(pk=ended.pk).exists()
        clock.shift(1)
        sign_in()
        assert not DeviceSession.objects.filter(pk=ended.pk).exists()
        assert DeviceSession.objects.filter(pk=of_bob.pk).exists()
    assert DeviceSession.objects.filter(user=alice).count() == 2


def test_nobody_has_more_sessions_than_that(
    alice: User, closed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.known_devices.MAX_LIVE", 3)
    phone = Api(alice)
    DeviceSession.objects.update(device="phone", last_used_at=1)
    for _ in range(4):
        sign_in()
    live = DeviceSession.objects.filter(revoked_at=None)
    assert live.count() == 3
    assert len(closed) == 2
    assert phone.get("users/me/").status_code == 200
