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
    "GET rooms/{room_identity}/bans/": {"200"},
    "PUT rooms/{room_identity}/bans/{user_identity}/": {"204"},
    "DELETE rooms/{room_identity}/bans/{user_identity}/": {"204"},
    "POST rooms/{room_identity}/leave/": {"204"},
    "GET rooms/{room_identity}/members/": {"200"},
    "POST rooms/{room_identity}/members/": {"201"},
    "PATCH rooms/{room_identity}/members/{user_identity}/": {"200"},
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
    answers = {name: set(operation["responses"]) for name, operation in operations(schema)}
    assert answers == {name: codes | {"default"} for name, codes in ROUTES.items()}


def test_no_route_is_missing(schema: dict[str, Any]) -> None:
    documented = {path.removeprefix("/api/v1/") for path in schema["paths"]}
    assert set(registered(get_resolver().url_patterns)) == documented | UNDOCUMENTED


def test_it_says_which_routes_need_a_sign_in(schema: dict[str, Any]) -> None:
    signed_in = [{"bearer": []}, {"cookie": []}]
    for name, operation in operations(schema):
        is_open = name.split("/")[-2] in OPEN
        assert operation.get("security", []) == ([] if is_open else signed_in), name
    assert set(schema["components"]["securitySchemes"]) == {"bearer", "cookie"}


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
