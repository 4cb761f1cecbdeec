"""The pages of accounts, as a browser without JavaScript uses them."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts import services
from accounts.models import User
from tests.conftest import Cast
from tests.mailbox import delivered
from tests.pages.conftest import PASSWORD, browser, field_errors, text

REGISTER = "/accounts/register/"
RESET = "/accounts/password/reset/"


def mailed_code() -> str:
    found = re.match(r"[0-9]{6}", delivered()[-1].subject)
    assert found
    return found[0]


def make_alice() -> User:
    return services.create_user(
        account="alice", email="alice@example.org", nickname="Alice", password=PASSWORD
    )


def ask_code(client: Client, page: str, **fields: str) -> str:
    response = client.post(page, {"action": "send_code", **fields})
    assert "The code is valid for 10 minutes." in text(response)
    assert "in 60 seconds" in text(response)
    return mailed_code()


@pytest.mark.parametrize("page", [REGISTER, RESET])
def test_a_trial_says_where_the_code_is_and_others_look_into_the_spam_folder(
    page: str, settings: Any
) -> None:
    asked = {"action": "send_code", "email": "new@example.org"}
    settings.EMAIL_BACKEND = "imsystem.mail.backends.EchoFileBackend"
    settings.EMAIL_FILE_PATH = "/data/mail"
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    settings.RATE_LIMITS = False
    local = text(browser().post(page, asked, HTTP_HOST="localhost"))
    assert "The code is shown in the terminal where the server runs." in local
    assert "The full e-mail is the newest file in /data/mail" in local
    assert "spam folder" not in local
    asked["email"] = "other@example.org"
    away = text(browser().post(page, asked, HTTP_HOST="localhost", REMOTE_ADDR="10.0.0.5"))
    assert "Check your spam folder too." in away
    assert "/data/mail" not in away


def test_registering_takes_a_code_and_signs_in() -> None:
    client = browser()
    code = ask_code(client, REGISTER, email="Alice@example.org")
    fields = {"email": "alice@example.org", "code": code, "account": "Alice"}
    response = client.post(REGISTER, {**fields, "password": PASSWORD, "action": "register"})
    assert (response.status_code, response["Location"]) == (302, "/chat/")
    assert User.objects.get().nickname == "alice"
    assert client.get("/accounts/profile/").status_code == 200


def test_asking_for_a_code_keeps_what_was_typed_but_not_the_password() -> None:
    client = browser()
    fields = {"email": "alice@example.org", "account": "al", "nickname": "A", "password": PASSWORD}
    page = client.post(REGISTER, {**fields, "action": "send_code"}).content.decode()
    assert 'value="alice@example.org"' in page
    assert 'value="al"' in page
    assert PASSWORD not in page


def test_enter_with_nothing_but_an_address_asks_for_a_code() -> None:
    browser().post(REGISTER, {"email": "alice@example.org"})
    assert len(delivered()) == 1


def test_asking_again_too_soon_says_when() -> None:
    client = browser()
    ask_code(client, REGISTER, email="alice@example.org")
    response = client.post(REGISTER, {"email": "alice@example.org", "action": "send_code"})
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 60
    assert 'value="alice@example.org"' in response.content.decode()
    assert len(delivered()) == 1


def test_a_bad_address_gets_no_code() -> None:
    response = browser().post(REGISTER, {"email": "a b@x", "action": "send_code"})
    assert field_errors(response) == {"email": ["Enter a valid e-mail address."]}
    assert delivered() == []


def test_errors_of_the_service_stand_at_their_fields() -> None:
    make_alice()
    client = browser()
    code = ask_code(client, REGISTER, email="new@example.org")
    fields = {"email": "new@example.org", "code": code, "account": "alice"}
    response = client.post(REGISTER, {**fields, "password": PASSWORD, "action": "register"})
    assert field_errors(response) == {"account": ["This username is taken."]}
    page = response.content.decode()
    assert 'aria-invalid="true"' in page
    assert 'id="id_account_error"' in page
    assert PASSWORD not in page


def test_all_bad_fields_are_named_at_once() -> None:
    response = browser().post(REGISTER, {"email": "x", "account": "-", "action": "register"})
    assert set(field_errors(response)) == {"email", "account", "code", "password"}


@pytest.mark.parametrize("name", ["alice", "ALICE", "alice@example.org"])
def test_signing_in_by_account_or_address(name: str) -> None:
    make_alice()
    client = browser()
    response = client.post("/accounts/login/", {"account": name, "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/chat/")
    assert client.get("/accounts/login/")["Location"] == "/chat/"


def test_a_wrong_password_is_told_above_the_form() -> None:
    make_alice()
    response = browser().post("/accounts/login/", {"account": "alice", "password": "wrong"})
    assert field_errors(response) == {"__all__": ["Wrong username or password."]}


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/chat/0123/", "/chat/0123/"),
        ("https://evil.example/", "/chat/"),
        ("//evil.example/", "/chat/"),
        ("/\\evil.example", "/chat/"),
        ("javascript:alert(1)", "/chat/"),
        ("chat", "/chat/"),  # not a path: redirect() would look for a view of this name
        ("accounts:logout", "/chat/"),
        ('"><img src=x>', "/chat/"),
        ("", "/chat/"),
    ],
)
def test_after_signing_in_one_goes_on_to_our_own_pages_only(wanted: str, goes_to: str) -> None:
    make_alice()
    fields = {"account": "alice", "password": PASSWORD, "next": wanted}
    assert browser().post("/accounts/login/", fields)["Location"] == goes_to


def test_signing_out_takes_a_post(cast: Cast) -> None:
    client = browser(cast.member)
    assert "Sign out?" in text(client.get("/accounts/logout/"))
    assert client.get("/accounts/profile/").status_code == 200
    assert client.post("/accounts/logout/")["Location"] == "/accounts/login/"
    login = client.get("/accounts/profile/")["Location"]
    assert login == "/accounts/login/?next=/accounts/profile/"


def test_the_profile_changes_nickname_and_sex(cast: Cast) -> None:
    client = browser(cast.member)
    response = client.post("/accounts/profile/", {"nickname": "Mia", "sex": "2"}, follow=True)
    assert "Saved." in text(response)
    cast.member.refresh_from_db()
    assert (cast.member.nickname, cast.member.sex) == ("Mia", 2)
    response = client.post("/accounts/profile/", {"nickname": "\u200b", "sex": "2"})
    assert "nickname" in field_errors(response)


def test_a_forgotten_password_is_reset_by_code() -> None:
    make_alice()
    client = browser()
    code = ask_code(client, RESET, email="alice@example.org")
    fields = {"email": "alice@example.org", "code": code, "password": "another good one"}
    assert client.post(RESET, {**fields, "action": "reset"})["Location"] == "/accounts/login/"
    fields = {"account": "alice", "password": "another good one"}
    assert client.post("/accounts/login/", fields)["Location"] == "/chat/"


def test_changing_the_password_keeps_this_browser_only() -> None:
    alice = make_alice()
    here, there = browser(alice), browser(alice)
    there.get("/accounts/profile/")
    fields = {"old_password": PASSWORD, "new_password": "another good one"}
    assert here.post("/accounts/password/", fields)["Location"] == "/accounts/profile/"
    assert here.get("/accounts/profile/").status_code == 200
    assert there.get("/accounts/profile/").status_code == 302


def test_a_device_can_be_signed_out_from_another(cast: Cast) -> None:
    here, there = browser(cast.member), browser(cast.member)
    there.get("/accounts/profile/")
    rows = here.get("/accounts/devices/").context["devices"]
    (other,) = [row["identity"] for row in rows if not row["current"]]
    assert len(rows) == 2
    here.post("/accounts/devices/", {"identity": other})
    assert there.get("/accounts/profile/").status_code == 302
    assert here.get("/accounts/profile/").status_code == 200


def test_nobody_signs_out_the_devices_of_others(cast: Cast) -> None:
    browser(cast.owner).get("/accounts/profile/")
    client = browser(cast.owner)
    rows = client.get("/accounts/devices/").context["devices"]
    stranger = browser(cast.outsider)
    assert stranger.post("/accounts/devices/", {"identity": rows[0]["identity"]}).status_code == 404
