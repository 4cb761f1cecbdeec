"""With two-factor authentication on, every change of sign-in data asks for the code."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from time_machine import Traveller

from accounts import services
from accounts.codes import Purpose
from accounts.models import TwoFactor, User
from imsystem.errors import BadRequest, RateLimited
from tests.accounts.conftest import PASSWORD, ask_code
from tests.accounts.phone import Phone, enrol
from tests.api import Api

NEW = "battery staple correct"


@pytest.fixture
def phone(alice: User, clock: Traveller) -> Phone:
    return enrol(alice, clock)


def stored() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return list(User.objects.values()), list(TwoFactor.objects.values("secret", "confirmed_at"))


def asked_for(name: str) -> dict[str, str]:
    """The body of a change, without the second factor."""
    if name == "auth/password/change/":
        return {"old_password": PASSWORD, "new_password": NEW}
    if name == "users/me/email/":
        code = ask_code("new@example.org", Purpose.CHANGE_EMAIL)
        return {"email": "new@example.org", "code": code, "password": PASSWORD}
    return {"password": PASSWORD}


CHANGES = {
    "auth/password/change/": 204,
    "users/me/email/": 200,
    "users/me/delete/": 204,
    "users/me/data/": 200,
    "auth/two-factor/recovery-codes/": 200,
    "auth/two-factor/disable/": 204,
}


@pytest.mark.parametrize("path", CHANGES)
def test_the_api_asks(alice: User, phone: Phone, path: str) -> None:
    api, body, before = Api(alice), asked_for(path), stored()
    for otp in ({}, {"otp": ""}, {"otp": " "}, {"otp": phone.wrong()}):
        refused = api.post(path, body | otp)
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["otp"])
    assert stored() == before
    assert api.post(path, body | {"otp": phone.code()}).status_code == CHANGES[path]


def test_it_is_not_begun_anew_while_it_is_on(alice: User, phone: Phone) -> None:
    before = stored()
    refused = Api(alice).post("auth/two-factor/", {"password": PASSWORD, "otp": phone.code()})
    assert refused.status_code == 400
    assert stored() == before


PAGES = {
    "password": "auth/password/change/",
    "email": "users/me/email/",
    "delete": "users/me/delete/",
    "data": "users/me/data/",
    "two-factor/recovery-codes": "auth/two-factor/recovery-codes/",
    "two-factor/disable": "auth/two-factor/disable/",
}


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_ask(alice: User, phone: Phone, page: str) -> None:
    client, path = Client(), f"/accounts/{page}/"
    client.force_login(alice)
    form = asked_for(PAGES[page]) | ({"account": "alice"} if page == "delete" else {})
    assert 'name="otp"' in client.get(path).content.decode()
    before = stored()
    for otp in ({}, {"otp": phone.wrong()}):
        refused = client.post(path, form | otp)
        assert (refused.status_code, list(refused.context["form"].errors)) == (200, ["otp"])
    assert stored() == before
    answer = client.post(path, form | {"otp": phone.code()})
    assert answer.status_code == (
        302 if page in ("password", "email", "delete") else answer.status_code
    )
    assert "form" not in (answer.context or {})


@pytest.mark.parametrize("page", ["password", "email", "delete", "data"])
def test_the_pages_do_not_ask_without_it(alice: User, page: str) -> None:
    client = Client()
    client.force_login(alice)
    assert 'name="otp"' not in client.get(f"/accounts/{page}/").content.decode()


def wrong_password_change(alice: User, phone: Phone) -> None:
    services.change_password(
        user=alice, old_password=PASSWORD, new_password=NEW, keep_session=None, otp=phone.wrong()
    )


def wrong_export(alice: User, phone: Phone) -> None:
    services.export_data(user=alice, password=PASSWORD, otp=phone.wrong())


def wrong_deletion(alice: User, phone: Phone) -> None:
    services.delete_own_account(user=alice, password=PASSWORD, otp=phone.wrong())


@pytest.mark.parametrize("guess", [wrong_password_change, wrong_export, wrong_deletion])
def test_all_changes_share_one_count(
    alice: User, phone: Phone, guess: Callable[[User, Phone], None]
) -> None:
    for _number in range(5):
        with pytest.raises(BadRequest):
            guess(alice, phone)
    for other in (wrong_password_change, wrong_export, wrong_deletion):
        with pytest.raises(RateLimited):
            other(alice, phone)


def test_password_changes_do_not_start_the_count_anew(alice: User, phone: Phone) -> None:
    """A thief of token and password changed it back and forth, with five guesses each time."""
    guesses, api = 0, Api(alice)
    for _round in range(10):
        for _number in range(5):
            answer = api.post("users/me/data/", {"password": PASSWORD, "otp": phone.wrong()})
            guesses += answer.status_code == 400
        body = {"old_password": PASSWORD, "new_password": NEW}
        for otp in ("", phone.wrong()):
            assert api.post("auth/password/change/", body | {"otp": otp}).status_code in (400, 429)
    assert guesses == 5
    assert User.objects.get(pk=alice.pk).check_password(PASSWORD)


def test_a_reset_by_mail_does(alice: User, phone: Phone) -> None:
    for _number in range(5):
        with pytest.raises(BadRequest):
            wrong_export(alice, phone)
    code = ask_code(alice.email, Purpose.RESET)
    services.reset_password(email=alice.email, code=code, password=NEW)
    alice.refresh_from_db()
    services.export_data(user=alice, password=NEW, otp=phone.code())


def test_a_code_is_not_lost_to_a_rule(alice: User, phone: Phone) -> None:
    api, code = Api(alice), phone.code()
    body = {"old_password": PASSWORD, "new_password": "short", "otp": code}
    refused = api.post("auth/password/change/", body)
    assert list(refused.json()["errors"]) == ["new_password"]
    assert api.post("auth/password/change/", body | {"new_password": NEW}).status_code == 204
