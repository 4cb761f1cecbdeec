"""Whatever is sent to the account API: an answer below 500, and nothing changed by an error."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import DeviceSession, User
from imsystem.redis import sync_redis
from tests.accounts.conftest import make_user
from tests.accounts.test_api import OPEN
from tests.api import Api
from tests.mailbox import delivered

NASTY = st.sampled_from(
    [
        "", " ", "\u200b", "\u202e", "alice", "Alice@Example.org", "a.*@example.org", "123456",
        "１２３４５６", "$ne", "../x", "<b>", "%00", "a\r\nb", "x" * 300, "ﷺ" * 50, "0" * 5_000,
    ]
)  # fmt: skip
TEXT = NASTY | st.text(max_size=40) | st.emails()
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | TEXT
VALUE = TEXT | st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)
FIELDS = sorted({field for body in OPEN.values() for field in body} | {"nickname", "sex"})
CLOSED = {
    "auth/password/change/": ["old_password", "new_password"],
    "users/me/": ["nickname", "sex", "email", "account", "is_staff"],
}
FUZZ = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def world() -> list[Any]:
    """All that an error may not change."""
    users = User.objects.order_by("pk").values_list(
        "pk", "account", "email", "password", "nickname", "sex", "is_staff", "updated_at"
    )
    sessions = DeviceSession.objects.order_by("pk").values_list("pk", "refresh_hash", "revoked_at")
    return [list(users), list(sessions), len(delivered())]


def check(api: Api, method: str, path: str, body: Any) -> None:
    before = world()
    sync_redis().flushdb()  # limits are tested elsewhere
    answer = api.call(method, path, body)
    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400:
        document = answer.json()
        assert (document["status"], document["type"]) == (answer.status_code, "about:blank")
        assert world() == before


@pytest.mark.parametrize("path", OPEN)
@FUZZ
@given(data=st.data())
def test_open_routes(path: str, data: st.DataObject) -> None:
    if not User.objects.exists():
        make_user("alice")
    good = {name: st.just(value) for name, value in OPEN[path].items()}
    body = {name: data.draw(VALUE | good[name]) for name in good}
    body |= data.draw(st.dictionaries(st.sampled_from(FIELDS) | TEXT, VALUE, max_size=2))
    check(Api(), "POST", path, body)


@pytest.mark.parametrize("path", OPEN)
@FUZZ
@given(value=VALUE)
def test_bodies_of_any_kind(path: str, value: Any) -> None:
    check(Api(), "POST", path, value)


@pytest.mark.parametrize("path", CLOSED)
@FUZZ
@given(data=st.data())
def test_routes_for_users(alice: User, path: str, data: st.DataObject) -> None:
    api = Api(alice)
    names = st.sampled_from(CLOSED[path])
    body = data.draw(st.dictionaries(names, VALUE, max_size=4))
    check(api, "POST" if "password" in path else "PATCH", path, body)


@FUZZ
@given(path=st.text(max_size=40), query=st.text(max_size=40))
def test_addresses(alice: User, path: str, query: str) -> None:
    api = Api(alice)
    answer = api.client.get(
        f"/api/v1/users/{json.dumps(path)[1:-1]}/", {"account": query}, headers=api.headers
    )
    assert answer.status_code < 500
    answer = api.client.get("/api/v1/users/", {"account": query}, headers=api.headers)
    assert answer.status_code in (200, 400)
