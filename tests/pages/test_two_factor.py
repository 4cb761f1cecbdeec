"""Two-factor authentication on the pages: signing in in two steps, switching it on and off."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client
from time_machine import Traveller

from accounts import services
from accounts.models import DeviceSession, TwoFactor, User
from tests.accounts.conftest import make_user
from tests.accounts.phone import Phone, enrol
from tests.pages.conftest import PASSWORD, browser, field_errors, text

LOGIN = "/accounts/login/"
CODE = "/accounts/login/code/"
PAGE = "/accounts/two-factor/"
CONFIRM = "/accounts/two-factor/confirm/"
CODES = "/accounts/two-factor/recovery-codes/"
DISABLE = "/accounts/two-factor/disable/"


@pytest.fixture
def clock() -> Iterator[Traveller]:
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def alice(clock: Traveller) -> User:
    return make_user("alice")


@pytest.fixture
def phone(alice: User, clock: Traveller) -> Phone:
    return enrol(alice, clock)


def first_step(client: Client, **more: str) -> HttpResponse:
    return client.post(LOGIN, {"account": "alice", "password": PASSWORD, **more})


def is_in(client: Client) -> bool:
    return client.get("/accounts/profile/").status_code == 200


# --- signing in -----------------------------------------------------------------------------


def test_after_the_password_the_code_is_asked_for(phone: Phone) -> None:
    client = browser()
    assert first_step(client)["Location"] == CODE
    assert not is_in(client)
    assert DeviceSession.objects.count() == 0
    page = client.get(CODE)
    assert "Now enter your code." in text(page)
    assert 'autocomplete="one-time-code"' in page.content.decode()
    assert client.post(CODE, {"otp": phone.code()})["Location"] == "/chat/"
    assert is_in(client)
    assert DeviceSession.objects.count() == 1


def test_a_recovery_code_will_do(phone: Phone) -> None:
    client = browser()
    first_step(client)
    assert client.post(CODE, {"otp": phone.recovery_codes[0]})["Location"] == "/chat/"


def test_one_goes_on_to_the_page_one_came_for(phone: Phone) -> None:
    client = browser()
    first_step(client, next="/accounts/devices/")
    assert client.post(CODE, {"otp": phone.code()})["Location"] == "/accounts/devices/"
    client = browser()
    first_step(client, next="https://evil.example/")
    assert client.post(CODE, {"otp": phone.code(1)})["Location"] == "/chat/"


def test_the_password_is_kept_nowhere(phone: Phone) -> None:
    client = browser()
    first_step(client)
    for page in (client.get(CODE), client.post(CODE, {"otp": phone.wrong()})):
        assert PASSWORD not in page.content.decode()
    assert PASSWORD not in str(dict(client.session))


def test_a_wrong_code_may_be_tried_again_five_times(phone: Phone) -> None:
    client = browser()
    first_step(client)
    for _ in range(5):
        wrong = client.post(CODE, {"otp": phone.wrong()})
        assert wrong.status_code == 200
        assert field_errors(wrong) == {"__all__": ["This code is wrong or has already been used."]}
    refused = client.post(CODE, {"otp": phone.code()})
    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert not is_in(client)


def test_the_right_code_after_a_wrong_one(phone: Phone) -> None:
    client = browser()
    first_step(client)
    client.post(CODE, {"otp": phone.wrong()})
    client.post(CODE, {"otp": ""})
    assert client.post(CODE, {"otp": phone.code()})["Location"] == "/chat/"


@pytest.mark.parametrize(("seconds", "good"), [(299, True), (300, False)])
def test_the_password_is_remembered_for_five_minutes(
    phone: Phone, clock: Traveller, seconds: int, good: bool
) -> None:
    client = browser()
    first_step(client)
    clock.shift(timedelta(seconds=seconds))
    answer = client.post(CODE, {"otp": phone.code()}, follow=not good)
    if good:
        assert answer["Location"] == "/chat/"
    else:
        assert "Please enter your password again." in text(answer)
        assert not is_in(client)


def test_without_the_first_step_there_is_no_second(phone: Phone) -> None:
    client = browser()
    assert client.get(CODE)["Location"] == LOGIN
    assert client.post(CODE, {"otp": phone.code()})["Location"] == LOGIN
    client.post(LOGIN, {"account": "alice", "password": "wrong"})
    assert client.post(CODE, {"otp": phone.code()})["Location"] == LOGIN
    assert DeviceSession.objects.count() == 0


@pytest.mark.parametrize("change", ["password", "deactivate"])
def test_a_change_between_the_steps(alice: User, phone: Phone, change: str) -> None:
    client = browser()
    first_step(client)
    if change == "password":
        services.change_password(
            user=alice,
            old_password=PASSWORD,
            new_password="another good one",
            keep_session=None,
            otp=phone.recovery_codes[0],
        )
    else:
        User.objects.update(is_active=False)
    assert client.post(CODE, {"otp": phone.code()})["Location"] == LOGIN
    assert DeviceSession.objects.count() == 0


def test_the_code_of_somebody_else(phone: Phone, clock: Traveller) -> None:
    bobs = enrol(make_user("bob"), clock)
    client = browser()
    first_step(client)
    for otp in (bobs.code(), bobs.recovery_codes[0]):
        assert client.post(CODE, {"otp": otp}).status_code == 200
    assert not is_in(client)


def test_a_new_session_key_with_each_step(phone: Phone) -> None:
    client = browser()
    planted = client.session
    planted["seed"] = "planted"
    planted.save()
    client.cookies["sessionid"] = planted.session_key
    keys = [planted.session_key]
    first_step(client)
    keys.append(client.cookies["sessionid"].value)
    client.post(CODE, {"otp": phone.code()})
    keys.append(client.cookies["sessionid"].value)
    assert len(set(keys)) == 3
    for key in keys[:2]:
        thief = Client(headers={"Cookie": f"sessionid={key}"})
        assert thief.post(CODE, {"otp": phone.code(1)})["Location"] == LOGIN
        assert not is_in(thief)


def test_the_first_step_is_forgotten_after_the_second(phone: Phone) -> None:
    client = browser()
    first_step(client)
    client.post(CODE, {"otp": phone.code()})
    assert "second_step" not in client.session
    assert client.get(CODE)["Location"] == "/chat/"


# --- switching it on ------------------------------------------------------------------------


def begin(client: Client) -> tuple[HttpResponse, Phone]:
    page = client.post(PAGE, {"password": PASSWORD})
    secret = re.search(r"key into the app: ((?:[A-Z2-7]{4} ?){8})", text(page))
    assert secret
    return page, Phone(secret[1].replace(" ", ""), [])


def test_from_the_password_to_the_recovery_codes(alice: User) -> None:
    client = browser(alice)
    assert "Two-factor authentication is off" in text(client.get(PAGE))
    page, phone = begin(client)
    html = page.content.decode()
    assert '<img class="qr" src="data:image/svg+xml;base64,' in html
    assert f'href="otpauth://totp/IMSystem:alice?secret={phone.secret}&amp;' in html
    assert "no-store" in page["Cache-Control"]
    shown = client.post(CONFIRM, {"otp": phone.code()})
    codes = re.findall(r"\b[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{4}\b", text(shown))
    assert len(set(codes)) == 10
    assert "no-store" in shown["Cache-Control"]
    assert "Two-factor authentication is on" in text(client.get(PAGE))
    assert "You have 10 recovery codes left." in text(client.get(PAGE))
    assert codes[0] not in client.get(PAGE).content.decode()
    services.check_otp(alice, codes[0])
    assert is_in(client)


def test_beginning_takes_the_password(alice: User) -> None:
    client = browser(alice)
    wrong = client.post(PAGE, {"password": "wrong"})
    assert field_errors(wrong) == {"password": ["This is not your current password."]}
    assert "wrong" not in re.findall(r'value="([^"]*)"', wrong.content.decode())
    assert TwoFactor.objects.count() == 0


def test_a_wrong_first_code_shows_the_secret_to_nobody(alice: User) -> None:
    client = browser(alice)
    _page, phone = begin(client)
    wrong = client.post(CONFIRM, {"otp": phone.wrong()})
    assert field_errors(wrong) == {"otp": ["This code is wrong or has already been used."]}
    html = wrong.content.decode()
    assert phone.secret[:4] not in html
    assert "<img" not in html
    assert client.get(CONFIRM)["Location"] == PAGE
    assert "Recovery codes" in text(client.post(CONFIRM, {"otp": phone.code()}))


# --- and off --------------------------------------------------------------------------------


def test_new_recovery_codes(alice: User, phone: Phone) -> None:
    client = browser(alice)
    wrong = client.post(CODES, {"password": PASSWORD, "otp": phone.wrong()})
    assert field_errors(wrong) == {"otp": ["This code is wrong or has already been used."]}
    shown = client.post(CODES, {"password": PASSWORD, "otp": phone.code()})
    assert len(re.findall(r"\b[0-9]{4}(?:-[0-9]{4}){3}\b", text(shown))) == 10


def test_few_recovery_codes_are_told(alice: User, phone: Phone) -> None:
    warning = "Create new ones before you run out."
    client = browser(alice)
    for code in phone.recovery_codes[:6]:
        services.check_otp(alice, code)
    assert warning not in text(client.get(PAGE))
    services.check_otp(alice, phone.recovery_codes[6])
    assert f"You have 3 recovery codes left. {warning}" in text(client.get(PAGE))


def test_switching_it_off(alice: User, phone: Phone) -> None:
    client = browser(alice)
    for fields in ({"password": "wrong", "otp": phone.code()}, {"password": PASSWORD}):
        assert field_errors(client.post(DISABLE, fields))
    done = client.post(DISABLE, {"password": PASSWORD, "otp": phone.code()}, follow=True)
    assert "Two-factor authentication is off." in text(done)
    assert first_step(browser())["Location"] == "/chat/"


@pytest.mark.parametrize("path", [PAGE, CONFIRM, CODES, DISABLE])
def test_strangers_sign_in_first(path: str) -> None:
    assert browser().get(path)["Location"] == f"{LOGIN}?next={path}"
    assert browser().post(path, {})["Location"] == f"{LOGIN}?next={path}"
