"""Changing the address: with a code sent to the new one, and a notice to the old one."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.utils import translation
from time_machine import Traveller

from accounts import codes, services
from accounts.codes import Purpose
from accounts.errors import BadCredentials
from accounts.mails import masked
from accounts.models import User
from imsystem.errors import BadRequest, NotAuthenticated, RateLimited
from tests.accounts.conftest import PASSWORD, ask_code, wrong
from tests.accounts.phone import enrol
from tests.api import Api, bad_request, invalid, own
from tests.mailbox import delivered, delivered_to

PATH = "users/me/email/"
NEW = "nora@example.com"
BAD_CODE = ["This code is wrong or has expired."]
BAD_PASSWORD = ["This is not your current password."]
TAKEN = ["An account with this address already exists."]


def body(mailed: str, **changes: Any) -> dict[str, Any]:
    return {"email": NEW, "code": mailed, "password": PASSWORD, **changes}


def ask(email: str = NEW) -> str:
    return ask_code(email, Purpose.CHANGE_EMAIL)


def email_of(user: User) -> str:
    return User.objects.get(pk=user.pk).email


def test_the_new_address_is_in_force_and_the_old_one_is_told(alice: User) -> None:
    api, elsewhere = Api(alice), Api(alice)
    answer = api.post(PATH, body(ask(), email=" Nora@Example.com "))
    assert (answer.status_code, answer.json()) == (200, own(alice, email=NEW))
    assert services.check_credentials(account=NEW, password=PASSWORD, ip="") == alice
    with pytest.raises(BadCredentials):
        services.check_credentials(account="alice@example.org", password=PASSWORD, ip="")
    assert [device.get("users/me/").status_code for device in (api, elsewhere)] == [200, 200]
    (notice,) = delivered_to("alice@example.org")
    assert notice.subject == "The e-mail address of your IMSystem account was changed"
    assert "n***@example.com" in notice.body
    assert NEW not in notice.body


def test_nobody_gets_mail_twice_or_at_the_new_address(alice: User) -> None:
    Api(alice).post(PATH, body(ask()))
    assert [message.to for message in delivered()] == [[NEW], ["alice@example.org"]]


def test_the_notice_speaks_the_readers_language(alice: User) -> None:
    code = ask()
    with translation.override(
        "en"
    ):  # Django's client leaves the thread in the language of the last request
        Api(alice).post(PATH, body(code), **{"Accept-Language": "zh-CN"})
    (notice,) = delivered_to("alice@example.org")
    assert "n***@example.com" in notice.body


def test_a_wrong_password_does_not_cost_the_code(alice: User) -> None:
    code = ask()
    refused = Api(alice).post(PATH, body(code, password="wrong"))
    assert (refused.status_code, refused.json()) == (400, bad_request(password=BAD_PASSWORD))
    assert email_of(alice) == "alice@example.org"
    assert Api(alice).post(PATH, body(code)).status_code == 200


def test_a_wrong_and_a_used_code(alice: User, bob: User) -> None:
    code = ask()
    refused = Api(alice).post(PATH, body(wrong(code)))
    assert (refused.status_code, refused.json()) == (400, bad_request(code=BAD_CODE))
    assert Api(alice).post(PATH, body(code)).status_code == 200
    assert Api(bob).post(PATH, body(code)).json() == bad_request(code=BAD_CODE)
    assert email_of(bob) == "bob@example.org"


@pytest.mark.parametrize("purpose", [Purpose.REGISTER, Purpose.RESET])
def test_codes_for_other_purposes_change_nothing(alice: User, purpose: Purpose) -> None:
    code = codes.issue(purpose=purpose, email=NEW)
    assert Api(alice).post(PATH, body(code)).json() == bad_request(code=BAD_CODE)


def test_a_code_for_another_address_changes_nothing(alice: User) -> None:
    code = ask("other@example.com")
    assert Api(alice).post(PATH, body(code)).json() == bad_request(code=BAD_CODE)


def test_an_address_taken_meanwhile_gives_the_code_back(alice: User) -> None:
    code = ask()
    other = User.objects.create_user("other", NEW, None)
    refused = Api(alice).post(PATH, body(code))
    assert (refused.status_code, refused.json()) == (400, bad_request(email=TAKEN))
    assert email_of(alice) == "alice@example.org"
    assert delivered_to("alice@example.org") == []
    User.objects.filter(pk=other.pk).delete()
    assert Api(alice).post(PATH, body(code)).status_code == 200


def test_the_owner_of_a_taken_address_is_told_and_nobody_gets_a_code(
    alice: User, bob: User
) -> None:
    Api(alice).post("auth/code/", {"email": bob.email, "purpose": "change_email"})
    (mail,) = delivered_to(bob.email)
    assert mail.subject == "You already have an IMSystem account"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"email": "nonsense"}, bad_request(email=["Enter a valid e-mail address."])),
        ({"email": {"$ne": None}}, invalid(email=["Not a valid string."])),
        ({"email": "a@example.org\nb@example.org"}, bad_request(
            email=["Enter a valid e-mail address."])),
        ({"code": ["1"]}, invalid(code=["Not a valid string."])),
        ({"password": 1}, invalid(password=["Not a valid string."])),
        ({"otp": {}}, invalid(otp=["Not a valid string."])),
    ],
)  # fmt: skip
def test_bad_bodies(alice: User, changes: dict[str, Any], error: object) -> None:
    refused = Api(alice).post(PATH, body("123456", **changes))
    assert (refused.status_code, refused.json()) == (400, error)


def test_all_fields_are_needed(alice: User) -> None:
    missing = ["This field is required."]
    refused = Api(alice).post(PATH, {})
    assert refused.json() == invalid(email=missing, code=missing, password=missing)


def test_with_two_factor_authentication_the_password_is_not_enough(
    alice: User, clock: Traveller
) -> None:
    phone = enrol(alice, clock)
    code = ask()
    refused = Api(alice).post(PATH, body(code))
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["otp"])
    assert Api(alice).post(PATH, body(code, otp=phone.code())).status_code == 200


def test_guesses_at_the_password_are_limited(alice: User) -> None:
    for _ in range(5):
        with pytest.raises(BadRequest):
            services.change_email(user=alice, **body("123456", password="wrong"))
    with pytest.raises(RateLimited):
        services.change_email(user=alice, **body("123456"))


def test_a_deactivated_account_gets_no_address(alice: User) -> None:
    """The request was admitted a moment before."""
    code = ask()
    services.delete_account(user=User.objects.get(pk=alice.pk))
    User.objects.filter(pk=alice.pk).update(password=alice.password)
    with pytest.raises((BadRequest, NotAuthenticated)):
        services.change_email(user=alice, **body(code))
    assert email_of(alice) == f"deleted-{alice.pk}@deleted.invalid"


def change(user: User, email: str, code: str) -> str:
    """Returns the outcome: the new address, or the field that is at fault."""
    try:
        return services.change_email(user=user, email=email, code=code, password=PASSWORD).email
    except BadRequest as exc:
        return next(iter(exc.errors))


def test_of_two_parallel_uses_of_one_code_one_wins(alice: User, bob: User) -> None:
    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            email = f"u{number}@example.org"
            code = codes.issue(purpose=Purpose.CHANGE_EMAIL, email=email)
            outcomes = list(pool.map(change, [alice, bob], [email] * 2, [code] * 2))
            assert sorted(outcomes) == ["code", email]
            winner = [alice, bob][outcomes.index(email)]
            assert email_of(winner) == email
            assert User.objects.filter(email=email).count() == 1


def test_of_a_change_and_a_registration_one_gets_the_address(alice: User) -> None:
    """Each has a valid code: the unique index decides."""

    def register(number: int, email: str, code: str) -> str:
        try:
            return services.register(
                account=f"u{number}", email=email, code=code, password=PASSWORD
            ).email
        except BadRequest as exc:
            return next(iter(exc.errors))

    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            email = f"u{number}@example.org"
            for_change = codes.issue(purpose=Purpose.CHANGE_EMAIL, email=email)
            for_register = codes.issue(purpose=Purpose.REGISTER, email=email)
            changing = pool.submit(change, alice, email, for_change)
            registering = pool.submit(register, number, email, for_register)
            assert sorted([changing.result(), registering.result()]) == ["email", email]
            assert User.objects.filter(email=email).count() == 1


def test_masked_addresses() -> None:
    assert masked("nora@example.org") == "n***@example.org"
    assert masked("n@example.org") == "n***@example.org"
