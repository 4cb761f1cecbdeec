"""Whatever is sent to the account routes gets an answer below 500, and an error changes nothing.

The routes and their fields are read from the API's schema and the URLconf, so new ones are included
without being listed here.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from bson import encode
from django.apps import apps
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from imsystem.redis import sync_redis
from tests.accounts.conftest import PASSWORD, make_user
from tests.api import Api
from tests.mailbox import delivered
from tests.routes import filled, routes

ACCOUNT_ROUTES = ("/api/v1/auth/", "/api/v1/users/")
SEED_ROUTES = ("/login", "/register", "/send/", "/u/")
NASTY = st.sampled_from(
    [
        "", " ", "\u200b", "\u202e", "alice", "Alice@Example.org", "a.*@example.org", "123456",
        "１２３４５６", "$ne", "../x", "<b>", "%00", "a\r\nb", "x" * 300, "ﷺ" * 50, "0" * 5_000,
        PASSWORD, "register", "reset", "everybody", "alice@example.org", "ABCDE-FGHIJ",
    ]
)  # fmt: skip
TEXT = NASTY | st.text(max_size=40) | st.emails()
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | TEXT
VALUE = TEXT | st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)
NOT_ALLOWED = st.sampled_from(["is_staff", "identity", "email", "deleted_at", "password_set_at"])
FUZZ = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass(frozen=True)
class Operation:
    """One method of one route: the fields of its JSON body and its other content types."""

    method: str
    route: str
    is_open: bool
    fields: tuple[str, ...] = ()
    kinds: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


@cache
def operations() -> list[Operation]:
    """Returns all account routes from the schema."""
    schema: Any = SchemaGenerator().get_schema(request=None, public=True)
    shapes = schema["components"]["schemas"]
    return [
        _operation(method.upper(), route, described, shapes)
        for route, methods in schema["paths"].items()
        for method, described in methods.items()
        if route.startswith(ACCOUNT_ROUTES)
    ]


def _operation(method: str, route: str, described: Any, shapes: Any) -> Operation:
    content = described.get("requestBody", {}).get("content", {})
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    fields = tuple(shapes[reference.rpartition("/")[2]]["properties"]) if reference else ()
    kinds = tuple(kind.replace("*", "png") for kind in content if kind != "application/json")
    return Operation(method, route, not described.get("security"), fields, kinds)


class Attack:
    """Alice, signed in, and what an error must not change: her app's collections and the mail."""

    def __init__(self) -> None:
        self.tables = [
            model._meta.db_table for model in apps.get_app_config("accounts").get_models()
        ]
        self.begin()

    def begin(self) -> None:
        """Starts afresh after something has succeeded: her account may be gone, or her password
        changed."""
        User.objects.all().delete()
        self.alice = make_user("alice")
        self.api = Api(self.alice)
        self.stranger = Api()
        for api in (self.api, self.stranger):
            api.client.raise_request_exception = False
        self.values = {"user_identity": self.alice.pk}
        if self.api.session is not None:
            self.values["session_identity"] = self.api.session.pk
        self.known = self.world()

    def world(self) -> list[Any]:
        found = [sorted(map(encode, connection.get_collection(n).find())) for n in self.tables]
        return [*found, len(delivered())]

    def api_call(self, operation: Operation, data: st.DataObject, content: Any, kind: str) -> None:
        """One request, signed in where the route asks for it."""
        sync_redis().flushdb()  # limits are tested elsewhere
        api = self.stranger if operation.is_open else self.api
        identity = data.draw(st.sampled_from(["", "x", "a" * 24, "{0}", "../me"]))
        values = dict.fromkeys(self.values, identity) if identity else self.values
        answer = api.client.generic(
            operation.method,
            filled(operation.route, values, "x"),
            content,
            content_type=kind,
            headers=api.headers,
        )
        self.judge(answer)

    def judge(self, answer: HttpResponse) -> None:
        assert answer.status_code < 500, answer.content
        if answer.status_code < 400:
            self.begin()
            return
        assert answer["Content-Type"] == "application/problem+json"
        document = answer.json()
        assert set(document) - {"errors"} == {"type", "title", "status", "detail", "code"}
        assert (document["status"], document["type"]) == (answer.status_code, "about:blank")
        assert self.world() == self.known


@pytest.fixture
def attack() -> Attack:
    return Attack()


def with_body() -> list[Operation]:
    return [operation for operation in operations() if operation.fields]


def test_the_walk_finds_the_routes() -> None:
    found = {str(operation): operation for operation in operations()}
    assert len(found) >= 20
    assert found["POST /api/v1/auth/login/"].is_open
    assert not found["PATCH /api/v1/users/me/"].is_open
    assert {"account", "password"} <= set(found["POST /api/v1/auth/login/"].fields)
    assert "multipart/form-data" in found["PUT /api/v1/users/me/avatar/"].kinds
    assert len([route for route in routes() if route.startswith(SEED_ROUTES)]) >= 8


@pytest.mark.parametrize("operation", with_body(), ids=str)
@FUZZ
@given(data=st.data())
def test_fields(attack: Attack, operation: Operation, data: st.DataObject) -> None:
    """The right fields with arbitrary values, and some more fields."""
    body = {name: data.draw(VALUE) for name in operation.fields}
    for name in data.draw(st.sets(st.sampled_from(operation.fields), max_size=1)):
        del body[name]
    body |= data.draw(st.dictionaries(NOT_ALLOWED | TEXT, VALUE, max_size=2))
    attack.api_call(operation, data, json.dumps(body), "application/json")


@pytest.mark.parametrize("operation", operations(), ids=str)
@FUZZ
@given(data=st.data())
def test_bodies_of_any_kind(attack: Attack, operation: Operation, data: st.DataObject) -> None:
    """JSON of another shape, invalid JSON, another content type."""
    content = data.draw(VALUE.map(json.dumps) | st.binary(max_size=200))
    kinds = ["application/json", "text/plain", "x", "", *operation.kinds, "multipart/form-data"]
    attack.api_call(operation, data, content, data.draw(st.sampled_from(kinds)))


@FUZZ
@given(path=st.text(max_size=40), query=st.text(max_size=40))
def test_addresses(attack: Attack, path: str, query: str) -> None:
    client, headers = attack.api.client, attack.api.headers
    escaped = json.dumps(path)[1:-1]
    assert client.get(f"/api/v1/users/{escaped}/", {"a": query}, headers=headers).status_code < 500
    answer = client.get("/api/v1/users/", {"account": query}, headers=headers)
    assert answer.status_code in (200, 400)


FORM_FIELDS = sorted({name for operation in operations() for name in operation.fields} | {"action"})
PAGES = [route for route in routes() if route.startswith(("/accounts/", *SEED_ROUTES))]


@pytest.mark.parametrize("route", PAGES)
@settings(FUZZ, max_examples=8)
@given(
    fields=st.dictionaries(st.sampled_from(FORM_FIELDS) | TEXT, TEXT, max_size=8),
    method=st.sampled_from(["POST", "GET", "DELETE"]),
    signed_in=st.booleans(),
)
def test_forms(
    attack: Attack, route: str, fields: dict[str, str], method: str, signed_in: bool
) -> None:
    """Pages and the routes of the original, used by strangers and by Alice, with her cookie and
    with her header."""
    sync_redis().flushdb()
    client = Client(raise_request_exception=False)
    if signed_in:
        client.force_login(attack.alice, backend="accounts.backends.AccountBackend")
        client.get("/chat/")  # this creates the device session
    before = attack.world()
    call = getattr(client, method.lower())
    data: Any = fields if method != "DELETE" else json.dumps(fields)
    answer = call(filled(route, attack.values, "x"), data, headers={"token": "x"})
    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400:
        assert attack.world() == before
    elif answer.status_code == 302 and method == "POST":
        attack.begin()
