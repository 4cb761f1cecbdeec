"""Passwords set by code: only the owner of the address can, and all devices are signed out."""

import pytest

from accounts import codes, services
from accounts.codes import Purpose
from accounts.errors import BadCredentials
from accounts.models import DeviceSession, User
from imsystem.errors import BadRequest
from tests.accounts.conftest import PASSWORD, ask_code, wrong
from tests.api import Api

NEW = "battery staple correct"
BAD_CODE = {"code": ["This code is wrong or has expired."]}


def reset(code: str, email: str = "alice@example.org", password: str = NEW) -> None:
    services.reset_password(email=email, code=code, password=password)


def refused(code: str, email: str = "alice@example.org", password: str = NEW) -> object:
    with pytest.raises(BadRequest) as error:
        reset(code, email, password)
    return dict(error.value.errors)


def check(user: User, password: str) -> bool:
    return User.objects.get(pk=user.pk).check_password(password)


def test_a_new_password_signs_out_everywhere(alice: User, closed: list[str]) -> None:
    devices = [Api(alice), Api(alice)]
    reset(ask_code(alice.email, Purpose.RESET), " Alice@Example.org")
    assert check(alice, NEW)
    assert [device.get("users/me/").status_code for device in devices] == [401, 401]
    assert sorted(closed) == sorted(f"session:{device.session.identity}" for device in devices)


def test_a_wrong_and_a_used_code(alice: User) -> None:
    code = ask_code(alice.email, Purpose.RESET)
    assert refused(wrong(code)) == BAD_CODE
    assert check(alice, PASSWORD)
    reset(code)
    assert refused(code, password="another one entirely") == BAD_CODE
    assert check(alice, NEW)


def test_a_code_for_registering_resets_nothing(alice: User) -> None:
    code = codes.issue(purpose=Purpose.REGISTER, email=alice.email)
    assert refused(code) == BAD_CODE


def test_a_code_of_somebody_else(alice: User, bob: User) -> None:
    assert refused(ask_code(bob.email, Purpose.RESET)) == BAD_CODE


@pytest.mark.parametrize("state", ["unknown", "deactivated"])
def test_even_the_right_code_resets_nothing_for_nobody(alice: User, state: str) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    email = alice.email if state == "deactivated" else "nobody@example.org"
    assert refused(codes.issue(purpose=Purpose.RESET, email=email), email) == BAD_CODE
    assert check(alice, PASSWORD)


def test_a_bad_password_does_not_cost_the_code(alice: User) -> None:
    code = ask_code(alice.email, Purpose.RESET)
    assert list(refused(code, password="short")) == ["password"]
    assert list(refused(code, password="Alice@Example.org")) == ["password"]
    reset(code)


def test_the_account_rule_tells_nothing_without_the_code() -> None:
    user = services.create_user(
        account="alice-liddell", email="alice@example.org", nickname="A", password=PASSWORD
    )
    code = ask_code(user.email, Purpose.RESET)
    assert refused(wrong(code), password="alice-liddell") == BAD_CODE
    assert list(refused(code, password="alice-liddell")) == ["password"]
    reset(code)


def test_who_guessed_too_often_may_sign_in_after_the_reset(alice: User) -> None:
    for _ in range(5):
        with pytest.raises(BadCredentials):
            services.check_credentials(account="alice", password="wrong", ip="10.0.0.1")
    reset(ask_code(alice.email, Purpose.RESET))
    assert services.check_credentials(account="alice", password=NEW, ip="10.0.0.1") == alice


def test_a_reset_gives_a_first_password(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(password="!")
    reset(ask_code(alice.email, Purpose.RESET))
    assert check(alice, NEW)
    assert DeviceSession.objects.count() == 0
