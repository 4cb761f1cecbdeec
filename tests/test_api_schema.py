"""The OpenAPI document names every route with what it answers, and its page works offline."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from imsystem.http import schema_view
from imsystem.http.problems import CONTENT_TYPE

# Method, route, and what it answers when all is well.
ROUTES = {
    "POST auth/code/": {"202"},
    "POST auth/register/": {"201"},
    "POST auth/login/": {"200"},
    "POST auth/refresh/": {"200"},
    "POST auth/logout/": {"204"},
    "POST auth/password/reset/": {"204"},
    "POST auth/password/change/": {"204"},
    "GET auth/two-factor/": {"200"},
    "POST auth/two-factor/": {"201"},
    "POST auth/two-factor/confirm/": {"200"},
    "POST auth/two-factor/recovery-codes/": {"200"},
    "POST auth/two-factor/disable/": {"204"},
    "POST auth/ticket/": {"201"},
    "GET server/": {"200"},
    "GET auth/sessions/": {"200"},
    "DELETE auth/sessions/": {"204"},
    "PATCH auth/sessions/{session_identity}/": {"200"},
    "DELETE auth/sessions/{session_identity}/": {"204"},
    "GET users/me/": {"200"},
    "PATCH users/me/": {"200"},
    "POST users/me/email/": {"200"},
    "POST users/me/delete/": {"204"},
    "POST users/me/data/": {"200"},
    "PUT users/me/avatar/": {"200"},
    "DELETE users/me/avatar/": {"200"},
    "GET users/": {"200"},
    "GET users/{user_identity}/": {"200"},
    "GET rooms/": {"200"},
    "POST rooms/": {"201"},
    "POST rooms/direct/": {"200", "201"},
    "GET rooms/lookup/": {"200"},
    "GET rooms/{room_identity}/": {"200"},
    "PATCH rooms/{room_identity}/": {"200"},
    "DELETE rooms/{room_identity}/": {"204"},
    "POST rooms/join/": {"200"},
    "POST rooms/{room_identity}/join/": {"200"},
    "GET rooms/added/": {"200"},
    "POST rooms/added/leave/": {"200"},
    "GET rooms/{room_identity}/ownership/": {"200"},
    "DELETE rooms/{room_identity}/ownership/": {"204"},
    "POST rooms/{room_identity}/ownership/accept/": {"200"},
    "GET rooms/{room_identity}/bans/": {"200"},
    "PUT rooms/{room_identity}/bans/{user_identity}/": {"204"},
    "DELETE rooms/{room_identity}/bans/{user_identity}/": {"204"},
    "POST rooms/{room_identity}/leave/": {"204"},
    "GET rooms/{room_identity}/members/": {"200"},
    "POST rooms/{room_identity}/members/": {"201"},
    "PATCH rooms/{room_identity}/members/{user_identity}/": {"200", "202"},
    "DELETE rooms/{room_identity}/members/{user_identity}/": {"204"},
    "GET rooms/{room_identity}/messages/": {"200"},
    "POST rooms/{room_identity}/messages/": {"200", "201"},
    "PATCH messages/{message_identity}/": {"200"},
    "DELETE messages/{message_identity}/": {"200"},
    "POST rooms/{room_identity}/read/": {"200"},
}
OPEN = {"GET server", "code", "register", "login", "refresh", "logout", "reset"}
# For monitors, not for clients.
UNDOCUMENTED = {"health/live/", "health/ready/"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    answer = Client().get("/api/schema/")
    assert answer.status_code == 200
    document: dict[str, Any] = yaml.safe_load(answer.content)
    return document


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path.removeprefix('/api/v1/')}", operation


def registered(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from registered(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path.startswith("api/v1/"):
            yield re.sub(r"<str:(\w+)>", r"{\1}", path.removeprefix("api/v1/"))


def test_it_is_valid_and_gives_no_warning(tmp_path: Path) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema"))


def test_it_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever asks, with whatever in the address; it took a second each time."""
    kinds = ("application/vnd.oai.openapi", "application/vnd.oai.openapi+json")
    first = [Client().get("/api/schema/", headers={"Accept": kind}) for kind in kinds]

    def again(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(SchemaGenerator, "get_schema", again)
    for kind, before in zip(kinds, first, strict=True):
        for query in ("", "?version=2", "?lang=zh-hans", "?format=json"):
            headers = {"Accept": kind, "Authorization": "Bearer nobody's", "Accept-Language": "zh"}
            answer = Client().get(f"/api/schema/{query}", headers=headers)
            assert (answer.status_code, answer.content) == (200, before.content)
        unchanged = {"Accept": kind, "If-None-Match": before["ETag"]}
        assert Client().get("/api/schema/", headers=unchanged).status_code == 304
    assert first[0]["ETag"] != first[1]["ETag"]


def test_every_route_is_there_with_what_it_answers(schema: dict[str, Any]) -> None:
    answers = {
        name: {status for status in operation["responses"] if status < "400"}
        for name, operation in operations(schema)
    }
    assert answers == ROUTES


def test_no_route_is_missing(schema: dict[str, Any]) -> None:
    documented = {path.removeprefix("/api/v1/") for path in schema["paths"]}
    assert set(registered(get_resolver().url_patterns)) == documented | UNDOCUMENTED


def test_it_says_which_routes_need_a_sign_in(schema: dict[str, Any]) -> None:
    signed_in = [{"bearer": []}, {"cookie": []}]
    for name, operation in operations(schema):
        is_open = name.split("/")[-2] in OPEN
        assert operation["security"] == ([] if is_open else signed_in), name
    assert set(schema["components"]["securitySchemes"]) == {"bearer", "cookie"}


# --- what linters and client generators ask for (docs/clients.md) ---------------------------

REFUSALS = {
    "GET server/": {"429", "503"},
    "GET rooms/": {"401", "429", "503"},
    "GET rooms/{room_identity}/": {"401", "404", "429", "503"},
    "GET rooms/{room_identity}/bans/": {"401", "403", "404", "429", "503"},
    "GET rooms/{room_identity}/messages/": {"400", "401", "404", "429", "503"},
    "GET rooms/lookup/": {"400", "401", "404", "429", "503"},
    "POST auth/login/": {"400", "401", "413", "415", "429", "503"},
    "POST auth/register/": {"400", "403", "413", "415", "429", "503"},
    "POST auth/ticket/": {"401", "403", "429", "503"},
    "PATCH messages/{message_identity}/": {"400", "401", "403", "404", "413", "415", "429", "503"},
    "DELETE messages/{message_identity}/": {"401", "403", "404", "429", "503"},
}


def test_operations_say_what_they_do(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        summary = operation["summary"]
        assert 0 < len(summary) <= 80, name
        assert summary[0].isupper(), name
        assert not summary.endswith("."), name
        assert operation.get("description") != "", name


def test_operations_have_names_for_clients(schema: dict[str, Any]) -> None:
    names = {name: operation["operationId"] for name, operation in operations(schema)}
    assert len(set(names.values())) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names.values())
    assert names["GET rooms/"] == "rooms_list"
    assert names["POST rooms/"] == "rooms_create"
    assert names["GET rooms/{room_identity}/"] == "rooms_get"
    assert names["POST rooms/{room_identity}/leave/"] == "rooms_leave"
    assert names["GET rooms/{room_identity}/messages/"] == "rooms_messages_list"
    assert names["PUT users/me/avatar/"] == "users_me_avatar_set"
    assert names["PATCH messages/{message_identity}/"] == "messages_update"


def test_operations_say_how_they_refuse(schema: dict[str, Any]) -> None:
    refusals = {
        name: {status for status in operation["responses"] if "400" <= status < "600"}
        for name, operation in operations(schema)
    }
    assert all(any(status < "500" for status in statuses) for statuses in refusals.values())
    assert {name: refusals[name] for name in REFUSALS} == REFUSALS


def test_refusals_are_one_shared_problem(schema: dict[str, Any]) -> None:
    problem = {"$ref": "#/components/schemas/Problem"}
    shared = schema["components"]["responses"]
    for name, operation in operations(schema):
        assert "default" in operation["responses"], name
        for status, answer in operation["responses"].items():
            if status >= "400":
                answer = shared[answer["$ref"].removeprefix("#/components/responses/")]
                (content,) = answer["content"].items()
                assert (content[0], content[1]["schema"]) == (CONTENT_TYPE, problem), name
            assert answer["description"], (name, status)
    example = shared["RateLimited"]["content"][CONTENT_TYPE]["example"]
    assert (example["status"], example["code"]) == (429, "rate_limited")
    assert shared["RateLimited"]["headers"]["Retry-After"]["required"] is True


def test_the_document_says_where_and_under_which_licence(schema: dict[str, Any]) -> None:
    assert [server["url"] for server in schema["servers"]] == ["/"]
    assert schema["info"]["license"]["name"] == "Apache-2.0"
    described = {tag["name"] for tag in schema["tags"] if tag["description"]}
    assert {tag for _, operation in operations(schema) for tag in operation["tags"]} == described


def test_bodies_have_types_that_client_generators_read(schema: dict[str, Any]) -> None:
    """They leave out an operation with a media range such as `image/*`."""
    types = {
        kind
        for _, operation in operations(schema)
        for kind in operation.get("requestBody", {"content": {}})["content"]
    }
    assert types == {"application/json", "multipart/form-data"}


def test_every_component_is_used(schema: dict[str, Any]) -> None:
    used = set(re.findall(r"#/components/\w+/\w+", str(schema)))
    there = {
        f"#/components/{kind}/{name}"
        for kind, components in schema["components"].items()
        for name in components
        if kind != "securitySchemes"
    }
    assert used == there


def test_bodies_say_what_is_required(schema: dict[str, Any]) -> None:
    shapes = schema["components"]["schemas"]
    assert shapes["EditBody"]["required"] == ["data"]
    assert shapes["SendBody"]["required"] == ["client_id", "data"]
    assert "required" not in shapes["UpdateRoomBody"]


# --- the page -------------------------------------------------------------------------------


class Page(HTMLParser):
    """The addresses a page loads, and the scripts and styles written into it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [value for name in ("src", "href") if (value := given.get(name))]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]


@pytest.fixture(scope="module")
def docs() -> Any:
    return Client().get("/api/docs/")


def test_the_page_loads_nothing_from_elsewhere(docs: Any) -> None:
    assert docs.status_code == 200
    addresses = Page(docs.content.decode()).addresses
    assert len(addresses) == 5
    for address in addresses:
        assert address.startswith(("/static/", "/api/docs/")), address
        if address.startswith("/static/"):
            assert finders.find(address.removeprefix("/static/")), address


def test_the_page_keeps_to_the_policy(docs: Any) -> None:
    policy = docs["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert Page(docs.content.decode()).inline == []


def test_its_script_asks_our_own_schema_and_no_validator() -> None:
    script = Client().get("/api/docs/?script=")
    assert script["Content-Type"] == "application/javascript"
    text = script.content.decode()
    assert 'url: "/api/schema/"' in text
    assert '"validatorUrl": null' in text
    assert "http://" not in text
    assert "https://" not in text


def test_a_source_that_asks_for_it_again_and_again_waits() -> None:
    """Others do not, and it may come again when it was told to."""
    schema_view._fetches.cache_clear()
    ours, theirs = Client(REMOTE_ADDR="198.51.100.7"), Client(REMOTE_ADDR="203.0.113.9")
    for _ in range(schema_view.FETCHES.amount):
        assert ours.get("/api/schema/").status_code == 200
    refused = ours.get("/api/schema/")
    assert (refused.status_code, refused["Retry-After"]) == (429, "1")
    assert refused["Content-Type"] == CONTENT_TYPE
    assert theirs.get("/api/schema/").status_code == 200
