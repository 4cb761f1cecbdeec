"""The socket's handshake: a ticket, a bearer token, or a cookie with an allowed origin; nothing
else."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts import services, tickets, ws_auth
from accounts.models import DeviceSession, User
from accounts.tokens import read_access
from accounts.ws_auth import BadOrigin
from imsystem.clock import now_ms
from imsystem.errors import NotAuthenticated
from imsystem.loops import run_on_loop
from imsystem.realtime.sockets import SocketUser
from imsystem.redis import key, sync_redis
from imsystem.threads import run_in_thread
from tests.accounts.test_tokens import bad_tokens
from tests.api import NO_CREDENTIALS, Api

OWN = {"host": "chat.example.org", "origin": "http://chat.example.org"}


@pytest.fixture(autouse=True)
def _hosts(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["chat.example.org", "localhost", "testserver"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://im.example.org:8443", "https://*.example.com"]


def scope(query: str | bytes = "", scheme: str = "ws", **headers: str) -> dict[str, Any]:
    fields = {"host": "chat.example.org", **headers}
    return {
        "type": "websocket",
        "path": "/ws/",
        "scheme": scheme,
        "query_string": query.encode() if isinstance(query, str) else query,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in fields.items()],
        "client": ("10.0.0.1", 5000),
        "server": ("127.0.0.1", 8000),
        "subprotocols": ["im.v1"],
    }


def authenticate(*args: Any, **kwargs: Any) -> SocketUser:
    """As a handshake does: who is it, and are they still signed in?"""

    async def shake_hands() -> SocketUser:
        user = await ws_auth.authenticate(scope(*args, **kwargs))
        assert (await ws_auth.owner_of(user)).pk == user.user_identity
        return user

    return run_on_loop(shake_hands())


def refused(*args: Any, **kwargs: Any) -> bool:
    with pytest.raises(NotAuthenticated):
        authenticate(*args, **kwargs)
    return True


@pytest.fixture
def cookie(alice: User) -> str:
    """Returns the Cookie header of a browser that Alice is signed in with."""
    client = Client()
    client.force_login(alice)
    client.get("/admin/")  # the first page creates the device session
    return f"sessionid={client.cookies['sessionid'].value}"


def ticket_of(api: Api) -> str:
    ticket: str = api.post("auth/ticket/").json()["ticket"]
    return ticket


# --- what may block -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["ticket=x", "%74icket=x", "tick%65t=x", "a=b&%74%69%63%6b%65%74=x", "ticket"]
)
async def test_redis_is_never_asked_on_the_event_loop(
    alice: User, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """A ticket takes precedence over a bearer token, however its name is written."""
    asked: list[bool] = []

    def redeem(_ticket: str) -> None:
        asked.append(threading.current_thread() is threading.main_thread())

    monkeypatch.setattr(ws_auth, "redeem_ticket", redeem)
    access = (await run_in_thread(Api, alice)).headers["Authorization"]
    if query == "ticket":
        with pytest.raises(NotAuthenticated):  # an empty one
            await ws_auth.authenticate(scope("ticket=", authorization=access))
    else:
        with pytest.raises(NotAuthenticated):
            await ws_auth.authenticate(scope(query, authorization=access))
    assert asked == [False]


@pytest.mark.parametrize("query", ["", "xticket=x", "a=ticket", "ticke=t"])
async def test_a_token_alone_needs_no_thread(
    alice: User, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    async def thread(*_args: Any) -> None:
        raise AssertionError("a thread was asked")

    api = await run_in_thread(Api, alice)
    monkeypatch.setattr(ws_auth, "run_in_thread", thread)
    user = await ws_auth.authenticate(scope(query, authorization=api.headers["Authorization"]))
    assert user.user_identity == alice.pk


# --- tickets --------------------------------------------------------------------------------


def test_a_ticket_is_good_once(alice: User) -> None:
    api = Api(alice)
    answer = api.post("auth/ticket/")
    assert answer.status_code == 201
    assert answer.json() == {"ticket": answer.json()["ticket"], "expires_in": 30}
    query = f"ticket={answer.json()['ticket']}"
    until = read_access(api.headers["Authorization"].removeprefix("Bearer ")).expires_at_ms
    assert authenticate(query) == SocketUser(alice.pk, api.session.identity, "en", until)
    assert refused(query)


def test_a_ticket_of_a_browser_opens_a_socket_as_good_as_its_cookie(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    ticket = client.post("/api/v1/auth/ticket/").json()["ticket"]
    session = DeviceSession.objects.get()
    assert authenticate(f"ticket={ticket}").expires_at_ms == session.expires_at


def test_of_twenty_redemptions_at_once_one_wins(alice: User) -> None:
    session = Api(alice).session
    with ThreadPoolExecutor(20) as pool:
        for _ in range(20):
            ticket = tickets.issue_ticket(session, expires_at_ms=1)
            outcomes = list(pool.map(tickets.redeem_ticket, [ticket] * 20))
            (won,) = [outcome for outcome in outcomes if outcome]
            assert won == tickets.Ticket(alice.pk, session.identity, 1)


def test_a_ticket_falls_with_the_end_of_its_device_session(alice: User) -> None:
    ticket = ticket_of(Api(alice))
    DeviceSession.objects.update(expires_at=now_ms())
    assert refused(f"ticket={ticket}")


def test_a_ticket_falls_with_a_deleted_user(alice: User) -> None:
    ticket = ticket_of(Api(alice))
    User.objects.filter(pk=alice.pk).delete()
    assert refused(f"ticket={ticket}")


def test_only_who_is_signed_in_gets_a_ticket(alice: User) -> None:
    assert Api().post("auth/ticket/").json() == NO_CREDENTIALS
    assert Api(alice).get("auth/ticket/").status_code == 405
    assert sync_redis().keys(key("ticket", "*")) == []


def test_a_ticket_ends_after_30_seconds_and_is_stored_as_a_hash(alice: User) -> None:
    ticket = ticket_of(Api(alice))
    [stored] = sync_redis().keys(key("ticket", "*"))
    assert 28 <= sync_redis().ttl(stored) <= 30
    assert ticket.encode() not in stored
    sync_redis().delete(stored)  # what Redis does then
    assert refused(f"ticket={ticket}")


def test_a_ticket_falls_with_its_device_session(alice: User) -> None:
    api = Api(alice)
    ticket = ticket_of(api)
    services.sign_out(session=api.session)
    assert refused(f"ticket={ticket}")


def test_a_ticket_falls_with_its_user(alice: User) -> None:
    ticket = ticket_of(Api(alice))
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert refused(f"ticket={ticket}")


def test_a_bad_ticket_is_not_saved_by_a_good_cookie(cookie: str) -> None:
    for query in ("ticket=", "ticket=x", "ticket=%00", "ticket=%ed%a0%80"):
        assert refused(query, cookie=cookie, **OWN)


def test_a_ticket_needs_no_origin(alice: User) -> None:
    ticket = ticket_of(Api(alice))
    assert authenticate(f"ticket={ticket}", origin="https://evil.example").user_identity == alice.pk


# --- bearers --------------------------------------------------------------------------------


def test_a_bearer_is_good_until_its_token_expires(alice: User) -> None:
    api = Api(alice)
    header = api.headers["Authorization"]
    expires = read_access(header.removeprefix("Bearer ")).expires_at_ms
    user = authenticate(authorization=header, origin="https://evil.example")
    assert user == SocketUser(alice.pk, api.session.identity, "en", expires)
    with time_machine.travel("2030-01-01", tick=False) as clock:
        header = Api(alice).headers["Authorization"]
        clock.shift(timedelta(minutes=14, seconds=59))
        assert authenticate(authorization=header).user_identity == alice.pk
        clock.shift(timedelta(seconds=1))
        assert refused(authorization=header)


def test_bearers_that_are_refused(alice: User, bob: User, cookie: str) -> None:
    for name, token in bad_tokens(alice, bob).items():
        assert refused(authorization=f"Bearer {token}", cookie=cookie, **OWN), name
    assert refused(authorization="Basic YTpi", cookie=cookie, **OWN)


def test_bearers_of_those_who_are_gone(alice: User, bob: User) -> None:
    of_alice, of_bob = (Api(user).headers["Authorization"] for user in (alice, bob))
    User.objects.filter(pk=alice.pk).delete()
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert refused(authorization=of_alice)
    assert refused(authorization=of_bob)


def test_a_bearer_falls_with_the_end_of_its_device_session(alice: User) -> None:
    api = Api(alice)
    DeviceSession.objects.update(expires_at=now_ms())
    assert refused(authorization=api.headers["Authorization"])


def test_no_token_in_the_address(alice: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = Api(alice).headers["Authorization"].removeprefix("Bearer ")
    assert refused(f"token={token}")
    assert refused(f"access_token={token}&Authorization=Bearer%20{token}")
    assert Api().get(f"users/me/?token={token}").status_code == 401
    assert Api().get(f"nothing/?token={token}").status_code == 404
    assert Api(Authorization=f"Bearer {token}").get(f"users/?token={token}").status_code == 400
    assert Client().get(f"/chat/?token={token}").status_code == 302
    assert token not in caplog.text


# --- cookies --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "options"),
    [
        ("http://chat.example.org", {}),
        ("https://chat.example.org", {"scheme": "wss"}),
        ("http://localhost:8000", {"host": "localhost:8000"}),
        ("https://im.example.org:8443", {}),
        ("https://a.example.com", {}),
        ("https://a.b.example.com", {}),
    ],
)
def test_allowed_origins(alice: User, cookie: str, origin: str, options: dict[str, str]) -> None:
    user = authenticate(cookie=cookie, origin=origin, **options)
    session = DeviceSession.objects.get()
    assert user == SocketUser(alice.pk, session.identity, "en", session.expires_at)


@pytest.mark.parametrize(
    ("origin", "options"),
    [
        (None, {}),
        ("", {}),
        ("null", {}),
        ("*", {}),
        ("https://chat.example.org", {}),
        ("http://chat.example.org", {"scheme": "wss"}),
        ("http://chat.example.org:8000", {}),
        ("http://chat.example.org:80", {}),
        ("http://chat.example.org.evil.example", {}),
        ("http://evil-chat.example.org", {}),
        ("http://chat.example.org/", {}),
        ("http://chat.example.org@evil.example", {}),
        ("chat.example.org", {}),
        ("https://im.example.org", {}),
        ("http://a.example.com", {}),
        ("https://evilexample.com", {}),
        ("https://a.example.com.evil", {}),
        ("https://[", {}),
        ("http://evil.example", {"host": "evil.example"}),
        ("http://a", {"host": "a,b"}),
        ("http://chat.example.org,http://chat.example.org", {}),
    ],
)
def test_other_origins(cookie: str, origin: str | None, options: dict[str, str]) -> None:
    headers = {} if origin is None else {"origin": origin}
    with pytest.raises(BadOrigin):
        authenticate(cookie=cookie, **headers, **options)


def test_a_spoofed_proxy_header_changes_nothing(cookie: str) -> None:
    with pytest.raises(BadOrigin):
        authenticate(
            cookie=cookie, origin="http://evil.example", **{"x-forwarded-host": "evil.example"}
        )


@pytest.mark.parametrize(
    "cookie",
    ["", "sessionid=", "sessionid=x", f"sessionid={'a' * 32}", "csrftoken=x", "é;="],
)
def test_no_cookie(cookie: str) -> None:
    assert refused(cookie=cookie, **OWN)
    assert refused(**OWN)
    assert refused()


def test_a_revoked_cookie(alice: User, cookie: str) -> None:
    services.revoke_all(user=alice)
    assert refused(cookie=cookie, **OWN)


def test_a_cookie_falls_with_the_end_of_its_device_session(alice: User, cookie: str) -> None:
    DeviceSession.objects.update(expires_at=now_ms() + 60_000)
    assert authenticate(cookie=cookie, **OWN).user_identity == alice.pk
    DeviceSession.objects.update(expires_at=now_ms())
    assert refused(cookie=cookie, **OWN)


def test_a_cookie_after_a_change_of_password(alice: User, cookie: str) -> None:
    alice.set_password("another password")
    alice.save()
    assert refused(cookie=cookie, **OWN)


def test_a_login_without_a_page_gets_one_device(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    header = f"sessionid={client.cookies['sessionid'].value}"
    users = [authenticate(cookie=header, **OWN) for _ in range(2)]
    assert users[0] == users[1]
    assert DeviceSession.objects.count() == 1


# --- the rest -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh-hans"), ("zh", "zh-hans"), ("zh-TW", "zh-hans"),
        ("en-US,zh;q=0.5", "en"), ("de", "en"), ("de,zh;q=0.1", "zh-hans"), ("x" * 10_000, "en"),
        (",;q=", "en"),
    ],
)  # fmt: skip
def test_the_language_of_errors(alice: User, header: str, language: str) -> None:
    bearer = Api(alice).headers["Authorization"]
    options = {"accept-language": header}
    assert authenticate(authorization=bearer, **options).language == language


def test_the_chosen_language_comes_first(alice: User, cookie: str) -> None:
    options = {"accept-language": "en", **OWN}
    header = f"{cookie}; django_language=zh-hans"
    assert authenticate(cookie=header, **options).language == "zh-hans"


@pytest.mark.parametrize("query", [b"\xff", b"ticket=%ff", b"&" * 5_000, b"a=1&" * 5_000, b"%"])
def test_odd_addresses(alice: User, query: bytes) -> None:
    assert refused(query)
