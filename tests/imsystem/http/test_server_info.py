"""`GET /api/v1/server/`, and the same in every page."""

import json
import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from imsystem.client_limits import client_limits
from imsystem.http.server_info import server_info
from tests.api import Api
from tests.conftest import Cast
from tests.pages.conftest import browser

LIMITS = {
    "message_length": 5_000,
    "frame_bytes": 65_536,
    "file_bytes": 0,
    "attachments": 0,
    "avatar_bytes": 5_242_880,
    "edit_window_s": 900,
    "recall_window_s": 120,
    "members": 5_000,
    "rooms": 1_000,
    "reactions": 0,
    "pins": 0,
}
BODY = {
    "version": settings.VERSION,
    "features": ["edit", "presence", "recall", "receipts", "reply", "sync", "two_factor", "typing"],
    "registration": "open",
    "directory": False,
    "limits": LIMITS,
}


def bootstrap(html: str) -> Any:
    """The JSON of the page's `server-info` element."""
    (text,) = re.findall(r'<script id="server-info" type="application/json">(.*?)</script>', html)
    return json.loads(text)


def test_everybody_may_read_it() -> None:
    answer = Client().get("/api/v1/server/")
    assert (answer.status_code, answer.json()) == (200, BODY)


def test_a_bad_token_does_no_harm() -> None:
    assert Client(headers={"Authorization": "Bearer x"}).get("/api/v1/server/").json() == BODY


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_is_read_only(method: str) -> None:
    assert getattr(Client(), method)("/api/v1/server/").status_code == 405


def test_limits_follow_the_settings(settings: Any) -> None:
    settings.EDIT_WINDOW_S, settings.RECALL_WINDOW_S = 60, 0
    settings.MEMBERS_PER_ROOM, settings.ROOMS_PER_USER = 7, 8
    settings.REGISTRATION = "closed"
    changed = {"edit_window_s": 60, "recall_window_s": 0, "members": 7, "rooms": 8}
    expected = {**BODY, "registration": "closed", "limits": {**LIMITS, **changed}}
    assert Client().get("/api/v1/server/").json() == expected
    assert client_limits() == expected["limits"]


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/register/", "/no/such/page/"])
def test_pages_without_a_sign_in_carry_the_same(path: str) -> None:
    assert bootstrap(Client().get(path).content.decode()) == server_info()


@pytest.mark.parametrize("path", ["/chat/", "/chat/{room}/", "/accounts/profile/"])
def test_pages_of_users_carry_the_same(cast: Cast, path: str) -> None:
    page = browser(cast.member).get(path.format(room=cast.room.pk))
    assert bootstrap(page.content.decode()) == Api(cast.member).get("server/").json()
