"""What opens one door opens no other: every kind of secret is tried in every place for one."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts import codes
from accounts.codes import Purpose
from accounts.errors import BadCredentials
from accounts.models import User
from accounts.tokens import make_seed_token
from accounts.ws_auth import BadOrigin, BadRenewal, renew
from chat.compat.auth import authenticate as seed_socket
from imsystem.clock import now_ms
from imsystem.errors import NotAuthenticated
from imsystem.loops import run_on_loop
from imsystem.realtime.sockets import SocketUser
from tests.accounts.conftest import PASSWORD
from tests.accounts.test_ws_auth import authenticate
from tests.api import Api
from tests.pages.conftest import browser
from tests.seed import Seed

Refused = (NotAuthenticated, BadCredentials, BadRenewal, BadOrigin)


@pytest.fixture
def secrets(alice: User) -> dict[str, str]:
    """One valid secret of each kind, all of them Alice's."""
    api, page = Api(alice), browser(alice)
    page.get("/accounts/profile/")
    assert api.session is not None
    return {
        "access token": api.headers["Authorization"].removeprefix("Bearer "),
        "refresh token": api.refresh,
        "token of the original": make_seed_token(api.session),
        "ticket": api.post("auth/ticket/").json()["ticket"],
        "cookie": page.cookies["sessionid"].value,
        "form token": page.cookies["csrftoken"].value,
        "code": codes.issue(purpose=Purpose.RESET, email=alice.email),
        "identity": alice.pk,
        "device": api.session.identity,
        "password": PASSWORD,
    }


def _bearer(alice: User, secret: str) -> bool:
    return Api(Authorization=f"Bearer {secret}").get("users/me/").status_code == 200


def _refresh(alice: User, secret: str) -> bool:
    return Api().post("auth/refresh/", {"refresh": secret}).status_code == 200


def _cookie(alice: User, secret: str) -> bool:
    client = Client()
    client.cookies["sessionid"] = secret
    return client.get("/chat/").status_code == 200


def _seed(alice: User, secret: str) -> bool:
    return Seed(token=secret).get("/u/user/detail")["code"] == 200


def _password(alice: User, secret: str) -> bool:
    body = {"account": alice.account, "password": secret}
    return Api().post("auth/login/", body).status_code == 200


def _reset(alice: User, secret: str) -> bool:
    body = {"email": alice.email, "code": secret, "password": PASSWORD}
    return Api().post("auth/password/reset/", body).status_code in (200, 204)


def _register(alice: User, secret: str) -> bool:
    """A code for one purpose is not valid for another."""
    body = {"email": alice.email, "code": secret, "password": PASSWORD, "account": "alice2"}
    return Api().post("auth/register/", body).status_code == 201


def _opens(open_it: Callable[[], object]) -> bool:
    try:
        open_it()
    except Refused:
        return False
    return True


def _ticket(alice: User, secret: str) -> bool:
    return _opens(lambda: authenticate(f"ticket={secret}"))


def _socket_bearer(alice: User, secret: str) -> bool:
    return _opens(lambda: authenticate(authorization=f"Bearer {secret}"))


def _socket_cookie(alice: User, secret: str) -> bool:
    own = {"host": "chat.example.org", "origin": "http://chat.example.org"}
    return _opens(lambda: authenticate(cookie=f"sessionid={secret}", **own))


def _socket_seed(alice: User, secret: str) -> bool:
    scope = {"headers": [(b"token", secret.encode())]}
    return _opens(lambda: run_on_loop(seed_socket(scope)))


def _renewal(alice: User, secret: str) -> bool:
    session = alice.__dict__["device"]
    user = SocketUser(alice.pk, session, "en", now_ms() + 60_000)
    return _opens(lambda: run_on_loop(renew(user, secret)))


DOORS = {
    _bearer: "access token",
    _refresh: "refresh token",
    _cookie: "cookie",
    _seed: "token of the original",
    _password: "password",
    _ticket: "ticket",
    _socket_bearer: "access token",
    _socket_cookie: "cookie",
    _socket_seed: "token of the original",
    _renewal: "access token",
    _register: None,
    _reset: "code",
}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__.strip("_"))
def test_each_door_has_one_key(
    door: Callable[[User, str], bool], alice: User, secrets: dict[str, str], settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["chat.example.org", "testserver"]
    alice.__dict__["device"] = secrets["device"]
    right = DOORS[door]
    if right is not None and door is not _reset:  # that would invalidate all the others
        assert door(alice, secrets[right])
    wrong = {kind: secret for kind, secret in secrets.items() if kind != right}
    assert [kind for kind, secret in wrong.items() if door(alice, secret)] == []
