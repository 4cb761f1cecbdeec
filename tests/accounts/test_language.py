"""The language of an account: where it comes from, and that all notices are written in it."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from time_machine import Traveller

from accounts import services
from accounts.codes import Purpose
from accounts.models import User
from tests.accounts.conftest import PASSWORD, ask_code, make_user
from tests.accounts.phone import enrol
from tests.api import Api, bad_request, invalid, own
from tests.mailbox import delivered_to

CHINESE = re.compile("[\u4e00-\u9fff]")
ASKED = {"Accept-Language": "zh-CN,zh;q=0.9"}


def registration() -> dict[str, str]:
    code = ask_code("carol@example.org")
    return {"account": "carol", "password": PASSWORD, "email": "carol@example.org", "code": code}


def test_registering_by_the_api_keeps_the_requests_language() -> None:
    answer = Api(**ASKED).post("auth/register/", registration())
    assert answer.json()["user"]["language"] == "zh-hans"
    assert User.objects.get(account="carol").language == "zh-hans"


@pytest.mark.parametrize(("asked", "kept"), [("zh-CN", "zh-hans"), ("en-GB", "en"), ("fr", "en")])
def test_registering_on_the_page_too(asked: str, kept: str) -> None:
    form = registration() | {"nickname": "Carol"}
    Client(headers={"Accept-Language": asked}).post("/accounts/register/", form)
    assert User.objects.get(account="carol").language == kept


def test_clients_of_the_original_are_spoken_to_in_chinese() -> None:
    Client().post("/register", registration())
    assert User.objects.get(account="carol").language == "zh-hans"


def test_it_is_shown_and_changed(alice: User) -> None:
    api = Api(alice)
    assert api.get("users/me/").json()["language"] == "en"
    assert api.patch("users/me/", {"language": "zh-hans"}).json() == own(alice, language="zh-hans")
    assert User.objects.get(pk=alice.pk).language == "zh-hans"


@pytest.mark.parametrize("language", ["", "zh", "fr", "ZH-HANS", None, 1, ["en"], {"$ne": "en"}])
def test_what_is_no_language_changes_nothing(alice: User, language: Any) -> None:
    api, before = Api(alice), User.objects.filter(pk=alice.pk).values().get()
    assert api.patch("users/me/", {"language": language}).status_code == 400
    assert User.objects.filter(pk=alice.pk).values().get() == before


def test_one_error_says_what_there_is(alice: User) -> None:
    with pytest.raises(Exception, match="bad_request") as error:
        services.update_profile(user=alice, language="fr")
    told = {"language": ["Use one of these: en, zh-hans."]}
    assert bad_request(**told) == {**invalid(**told), "detail": "The request is not valid."}
    assert {k: list(map(str, v)) for k, v in error.value.errors.items()} == told  # type: ignore[attr-defined]


def test_the_switch_at_the_foot_of_a_page(alice: User, bob: User) -> None:
    client = Client()
    client.force_login(alice)
    client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/chat/"})
    assert client.get("/accounts/profile/").headers["Content-Language"] == "zh-hans"
    client.post("/i18n/setlang/", {"language": "fr"})
    client.get("/i18n/setlang/?language=en")
    languages = dict(User.objects.values_list("account", "language"))
    assert languages == {"alice": "zh-hans", "bob": "en"}


def test_choosing_the_language_one_has_writes_nothing(alice: User) -> None:
    client, before = Client(), User.objects.filter(pk=alice.pk).values().get()
    client.force_login(alice)
    client.post("/i18n/setlang/", {"language": "en", "next": "/chat/"})
    assert User.objects.filter(pk=alice.pk).values().get() == before


def test_the_switch_of_somebody_who_is_not_signed_in(alice: User) -> None:
    answer = Client().post("/i18n/setlang/", {"language": "zh-hans", "next": "/accounts/login/"})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")
    assert User.objects.get(pk=alice.pk).language == "en"


def test_the_profile_page(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    form = {"nickname": "Alice", "sex": 0}
    client.post("/accounts/profile/", {**form, "language": "zh-hans"})
    page = client.get("/accounts/profile/")
    assert page.headers["Content-Language"] == "zh-hans"
    assert '<option value="zh-hans" selected>简体中文</option>' in page.content.decode()
    client.post("/accounts/profile/", form)
    assert User.objects.get(pk=alice.pk).language == "zh-hans"


def test_added_in_the_admin_it_is_the_administrators() -> None:
    root = make_user("root-user")
    User.objects.filter(pk=root.pk).update(is_staff=True, is_superuser=True)
    client = Client(headers=ASKED)
    client.force_login(User.objects.get(pk=root.pk))
    form = {"account": "carol", "email": "carol@example.org", "nickname": "Carol", "sex": 0}
    client.post("/admin/accounts/user/add/", {**form, "is_active": "on"})
    assert User.objects.get(account="carol").language == "zh-hans"


# --- notices --------------------------------------------------------------------------------


def email_changed(alice: User, clock: Traveller) -> None:
    code = ask_code("new@example.org", Purpose.CHANGE_EMAIL)
    services.change_email(user=alice, email="new@example.org", code=code, password=PASSWORD)


def email_changed_by_staff(alice: User, clock: Traveller) -> None:
    root = make_user("root-user")
    User.objects.filter(pk=root.pk).update(is_staff=True, is_superuser=True)
    root.refresh_from_db()
    services.change_account(actor=root, user=alice, email="new@example.org")


def two_factor_on(alice: User, clock: Traveller) -> None:
    enrol(alice, clock)


def two_factor_off(alice: User, clock: Traveller) -> None:
    enrol(alice, clock)
    services.remove_two_factor(user=alice)


def recovery_code_used(alice: User, clock: Traveller) -> None:
    code = enrol(alice, clock).recovery_codes[0]
    services.export_data(user=alice, password=PASSWORD, otp=code)


def deleted(alice: User, clock: Traveller) -> None:
    services.delete_account(user=alice)


def reset_asked_for(alice: User, clock: Traveller) -> None:
    services.send_code(email=alice.email, purpose=Purpose.RESET, ip="10.0.0.1")


def registered_again(alice: User, clock: Traveller) -> None:
    services.send_code(email=alice.email, purpose=Purpose.REGISTER, ip="10.0.0.1")


@pytest.mark.parametrize(
    "cause",
    [
        email_changed,
        email_changed_by_staff,
        two_factor_on,
        two_factor_off,
        recovery_code_used,
        deleted,
        reset_asked_for,
        registered_again,
    ],
)
@pytest.mark.parametrize(("own_language", "asked"), [("zh-hans", "en"), ("en", "zh-hans")])
def test_every_notice_is_in_the_owners_language(
    alice: User, clock: Traveller, cause: Any, own_language: str, asked: str
) -> None:
    """Whatever language the request that causes it asks for."""
    services.update_profile(user=alice, language=own_language)
    address = alice.email
    # A code is requested on the way, and recognised by its English subject.
    with translation.override("en" if cause is email_changed else asked):
        cause(alice, clock)
    notice = delivered_to(address)[-1]
    assert bool(CHINESE.search(notice.subject + notice.body)) == (own_language == "zh-hans")
