"""Cookies: the device session behind each, CSRF, session fixation, and the admin's own sign-in."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import authenticate
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import include, path
from pymongo.errors import ServerSelectionTimeoutError
from time_machine import Traveller

from accounts import middleware, services, sessions
from accounts.models import DeviceSession, User
from imsystem.clock import now_ms
from tests.accounts.conftest import PASSWORD, make_user
from tests.accounts.phone import enrol
from tests.api import problem


def sign_in(request: HttpRequest) -> HttpResponse:
    """Signs in as the sign-in page does."""
    user = services.sign_in(
        account=request.GET["account"], password=PASSWORD, ip="", device="", with_tokens=False
    ).user
    sessions.open_browser_session(request, user)
    return HttpResponse("in")


def sign_out(request: HttpRequest) -> HttpResponse:
    """Signs out as the sign-out page does."""
    sessions.close_browser_session(request)
    return HttpResponse("out")


def whoami(request: HttpRequest) -> HttpResponse:
    return HttpResponse(getattr(request.user, "account", "nobody"))


urlpatterns = [
    path("in/", sign_in),
    path("out/", sign_out),
    path("whoami/", whoami),
    path("", include("imsystem.urls")),
]


@pytest.fixture(autouse=True)
def _pages() -> Iterator[None]:
    with override_settings(ROOT_URLCONF=__name__):
        yield


def browser(account: str = "alice") -> Client:
    client = Client(enforce_csrf_checks=True, headers={"User-Agent": "Firefox"})
    client.get("/in/", {"account": account})
    return client


def who(client: Client) -> str:
    return client.get("/whoami/").content.decode()


def csrf(client: Client) -> dict[str, str]:
    return {"X-CSRFToken": client.cookies["csrftoken"].value}


def test_a_browser_session_is_a_device(alice: User) -> None:
    client = browser()
    session = DeviceSession.objects.get()
    assert (session.user_id, session.device, session.ip) == (alice.pk, "Firefox", "127.0.0.1")
    assert session.refresh_hash == ""
    assert who(client) == "alice"
    assert client.get("/api/v1/users/me/").json()["email"] == alice.email
    [line] = client.get("/api/v1/auth/sessions/").json()["results"]
    assert (line["identity"], line["current"]) == (session.identity, True)


def test_no_cookie_costs_no_session() -> None:
    before = Session.objects.count()
    client = Client()
    assert who(client) == "nobody"
    assert Session.objects.count() == before
    assert "sessionid" not in client.cookies


@pytest.mark.parametrize("key", ["x", "x" * 8_000, "a" * 32, "%00", '"', "$ne"])
def test_cookies_that_are_none(alice: User, key: str) -> None:
    client = Client(headers={"Cookie": f"sessionid={key}; sessionid={key}"})
    assert who(client) == "nobody"


def test_signing_out_ends_the_device(alice: User, closed: list[str]) -> None:
    client = browser()
    session = DeviceSession.objects.get()
    client.get("/out/")
    assert who(client) == "nobody"
    assert DeviceSession.objects.get().revoked_at is not None
    assert closed == [f"session:{session.identity}"]


@pytest.mark.parametrize("how", ["revoke", "delete", "all", "password", "deactivate", "age"])
def test_a_revoked_browser_is_anonymous_everywhere(alice: User, how: str) -> None:
    client = browser()
    cookie = client.cookies["sessionid"].value
    session = DeviceSession.objects.get()
    match how:
        case "revoke":
            services.revoke_session(user=alice, session_identity=session.identity)
        case "delete":
            session.delete()
        case "all":
            services.revoke_all(user=alice)
        case "password":
            alice.set_password("another password")
            alice.save()
        case "age":
            DeviceSession.objects.update(expires_at=now_ms())
        case "deactivate":
            User.objects.filter(pk=alice.pk).update(is_active=False)
    assert client.get("/api/v1/users/me/").status_code == 401
    client.cookies["sessionid"] = cookie  # even when the browser keeps it
    assert who(client) == "nobody"
    assert client.get("/admin/").status_code == 302
    assert Session.objects.filter(pk=cookie).count() == 0


def test_another_users_device_session_is_worth_nothing(alice: User, bob: User) -> None:
    client = browser()
    other = services.sign_in_user(user=bob, ip="", device="").session
    stored = client.session
    stored["device_session"] = other.identity
    stored.save()
    assert who(client) == "nobody"


def test_the_session_key_changes_at_sign_in(alice: User) -> None:
    client = Client()
    before = client.session
    before["seed"] = "planted"
    before.save()
    client.cookies["sessionid"] = before.session_key
    client.get("/in/", {"account": "alice"})
    assert client.cookies["sessionid"].value != before.session_key
    assert who(Client(headers={"Cookie": f"sessionid={before.session_key}"})) == "nobody"


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_signing_in_again_ends_the_session_before(
    alice: User, bob: User, closed: list[str], name: str
) -> None:
    client = browser()
    before = DeviceSession.objects.get()
    client.get("/in/", {"account": name})
    assert who(client) == name
    assert closed == [f"session:{before.identity}"]
    assert DeviceSession.objects.filter(revoked_at=None).count() == 1


def test_changes_by_cookie_need_a_csrf_token(alice: User) -> None:
    client = browser()
    change = {"nickname": "Al"}
    options = {"content_type": "application/json"}
    refused = client.patch("/api/v1/users/me/", change, **options)
    detail = "CSRF Failed: CSRF token missing."
    assert refused.status_code == 403
    assert refused.json() == problem(403, "Forbidden", "forbidden", detail)
    foreign = {"X-CSRFToken": "x" * 32}
    assert client.patch("/api/v1/users/me/", change, headers=foreign, **options).status_code == 403
    evil = {**csrf(client), "Origin": "https://evil.example"}
    assert client.patch("/api/v1/users/me/", change, headers=evil, **options).status_code == 403
    assert User.objects.get().nickname == "Alice"
    good = client.patch("/api/v1/users/me/", change, headers=csrf(client), **options)
    assert good.json()["nickname"] == "Al"


def test_a_change_of_password_keeps_this_browser_only(alice: User) -> None:
    here, there = browser(), browser()
    key = here.cookies["sessionid"].value
    answer = here.post(
        "/api/v1/auth/password/change/",
        {"old_password": PASSWORD, "new_password": "another password"},
        content_type="application/json",
        headers=csrf(here),
    )
    assert answer.status_code == 204
    assert (who(here), who(there)) == ("alice", "nobody")
    assert here.cookies["sessionid"].value != key
    assert who(Client(headers={"Cookie": f"sessionid={key}"})) == "nobody"


@pytest.mark.parametrize(
    ("where", "kind"),
    [("/api/v1/users/me/", "application/problem+json"), ("/whoami/", "text/html; charset=utf-8")],
)
def test_a_database_that_is_away_is_told_and_signs_nobody_out(
    alice: User, monkeypatch: pytest.MonkeyPatch, where: str, kind: str
) -> None:
    def away(session: object) -> bool:
        raise DatabaseError from ServerSelectionTimeoutError("no server")

    client = browser()
    monkeypatch.setattr(middleware, "is_signed_in", away)
    answer = client.get(where)
    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "2", kind)
    monkeypatch.undo()
    assert who(client) == "alice"


def test_last_used_is_written_at_most_every_ten_minutes(alice: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        client = browser()
        opened = DeviceSession.objects.get().last_used_at
        clock.shift(timedelta(minutes=10))
        who(client)
        assert DeviceSession.objects.get().last_used_at == opened
        clock.shift(timedelta(seconds=1))
        who(client)
        assert DeviceSession.objects.get().last_used_at == opened + 601_000


def test_who_comes_back_keeps_the_cookie_and_who_stays_away_does_not(alice: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        client = browser()
        for _ in range(5):
            clock.shift(timedelta(days=29))
            assert who(client) == "alice"
        clock.shift(timedelta(days=30))
        assert who(client) == "nobody"


def test_no_cookie_outlives_its_device_session(alice: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        client = browser()
        for _ in range(9):
            clock.shift(timedelta(days=20, seconds=-1))
            assert who(client) == "alice"
        clock.shift(timedelta(seconds=9))
        assert who(client) == "nobody"


def test_a_page_sets_the_cookie_again_at_most_once_in_ten_minutes(alice: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        client = browser()
        clock.shift(timedelta(minutes=10))
        assert "sessionid" not in client.get("/whoami/").cookies
        clock.shift(timedelta(seconds=1))
        cookie = client.get("/whoami/").cookies["sessionid"]
        assert cookie["max-age"] == 30 * 86_400
        assert "sessionid" not in client.get("/whoami/").cookies


# --- the admin's own form -------------------------------------------------------------------


@pytest.fixture
def root() -> User:
    user = make_user("root-user")
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    return user


def admin_login(
    client: Client, username: str, password: str = PASSWORD, **more: str
) -> HttpResponse:
    client.get("/admin/login/")
    fields = {"username": username, "password": password, "next": "/admin/", **more}
    fields["csrfmiddlewaretoken"] = client.cookies["csrftoken"].value
    return client.post("/admin/login/", fields)


@pytest.mark.parametrize("name", ["root-user", "Root-User", "root-user@example.org"])
def test_the_admin_form_signs_in_and_makes_a_device(root: User, name: str) -> None:
    client = Client(enforce_csrf_checks=True)
    assert admin_login(client, name)["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
    session = DeviceSession.objects.get()
    assert (session.user_id, session.revoked_at) == (root.pk, None)
    assert client.get("/admin/").status_code == 200
    assert DeviceSession.objects.count() == 1
    services.revoke_all(user=root)
    assert client.get("/admin/").status_code == 302


def test_the_admins_sign_out_ends_the_device(root: User, closed: list[str]) -> None:
    client = Client()
    admin_login(client, "root-user")
    client.get("/admin/")
    session = DeviceSession.objects.get()
    assert client.post("/admin/logout/").status_code == 302
    assert DeviceSession.objects.get().revoked_at is not None
    assert closed == [f"session:{session.identity}"]
    assert client.get("/admin/").status_code == 302


def test_the_admin_form_refuses_others(root: User, alice: User) -> None:
    client = Client()
    for name, password in (("alice", PASSWORD), ("root-user", "wrong"), ("root.*", PASSWORD)):
        answer = admin_login(client, name, password)
        assert answer.status_code == 200
        assert "errornote" in answer.content.decode()
    assert client.get("/admin/").status_code == 302


def test_the_admin_form_has_the_same_limit(root: User) -> None:
    client = Client()
    for _ in range(5):
        assert admin_login(client, "root-user", "wrong").status_code == 200
    assert admin_login(client, "root-user").status_code == 429
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_the_admin_form_takes_the_second_factor(root: User, clock: Traveller, kind: str) -> None:
    phone = enrol(root, clock)
    client = Client(enforce_csrf_checks=True)
    otp = phone.code() if kind == "app" else phone.recovery_codes[0]
    assert admin_login(client, "root-user", otp=otp)["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
    again = Client()
    assert admin_login(again, "root-user", otp=otp).status_code == 200
    assert again.get("/admin/").status_code == 302


def test_the_admin_form_does_not_tell_which_factor_was_wrong(root: User, clock: Traveller) -> None:
    phone = enrol(root, clock)
    client = Client()
    answers = [
        admin_login(client, "root-user"),
        admin_login(client, "root-user", otp=phone.wrong()),
        admin_login(client, "root-user", "wrong", otp=phone.code()),
        admin_login(client, "nobody", otp=phone.code()),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert {str(answer.context["form"].non_field_errors()[0]) for answer in answers} == {
        "Enter the username and password of a staff account, and the code if "
        "two-factor authentication is on. Each code works once."
    }
    assert client.get("/admin/").status_code == 302
    assert admin_login(client, "root-user", otp=phone.code())["Location"] == "/admin/"


def test_the_admin_form_limits_guesses_of_the_code(root: User, clock: Traveller) -> None:
    phone = enrol(root, clock)
    client = Client()
    for _ in range(5):
        assert admin_login(client, "root-user", otp=phone.wrong()).status_code == 200
    assert admin_login(client, "root-user", otp=phone.code()).status_code == 429
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("otp", ["x" * 65, "\0", "１２３４５６"])
def test_the_admin_form_and_what_is_no_code(root: User, clock: Traveller, otp: str) -> None:
    enrol(root, clock)
    assert admin_login(Client(), "root-user", otp=otp).status_code == 200
    assert DeviceSession.objects.count() == 0


def test_djangos_own_entry_point_takes_the_second_factor(root: User, clock: Traveller) -> None:
    phone = enrol(root, clock)
    assert authenticate(username="root-user", password=PASSWORD) is None
    assert authenticate(username="root-user", password=PASSWORD, otp=phone.code()) == root


def test_who_is_signed_in_on_the_pages_may_enter_the_admin(root: User, clock: Traveller) -> None:
    phone = enrol(root, clock)
    client = Client()
    client.post("/accounts/login/", {"account": "root-user", "password": PASSWORD})
    assert client.get("/admin/").status_code == 302
    client.post("/accounts/login/code/", {"otp": phone.code()})
    assert client.get("/admin/").status_code == 200


def test_staff_pages_are_closed_to_users(alice: User) -> None:
    assert browser().get("/admin/").status_code == 302


def test_a_request_that_passed_no_middleware_has_no_device(rf: RequestFactory) -> None:
    assert sessions.current_session(rf.get("/")) is None
