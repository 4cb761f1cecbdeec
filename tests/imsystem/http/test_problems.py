"""Errors as problem documents: one shape, whatever went wrong and wherever."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from pymongo.errors import AutoReconnect
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.exceptions import ValidationError

from imsystem import errors
from imsystem.http.problems import exception_handler, problem_response
from tests.api import NOT_AUTHENTICATED, NOT_FOUND, Api, bad_request, invalid, problem
from tests.conftest import Cast

SECRET = "mongodb://im:secret@db.example.org"
UNAVAILABLE = problem(
    503,
    "Service Unavailable",
    "unavailable",
    "The service is unavailable at the moment. Please try again.",
)
LIMITED = "Too many requests. Please try again later."
CASES: list[tuple[Exception, dict[str, Any], dict[str, str]]] = [
    (errors.BadRequest(), bad_request(), {}),
    (errors.BadRequest(errors={"name": ["No."]}), bad_request(name=["No."]), {}),
    (errors.NotAuthenticated(), NOT_AUTHENTICATED, {"WWW-Authenticate": 'Bearer realm="api"'}),
    (
        errors.Forbidden(),
        problem(403, "Forbidden", "forbidden", "You don't have permission to do this."),
        {},
    ),
    (errors.Muted(), problem(403, "Forbidden", "muted", "You are muted in this group."), {}),
    (errors.NotFound(), NOT_FOUND, {}),
    (
        errors.RateLimited(7),
        problem(429, "Too Many Requests", "rate_limited", LIMITED),
        {"Retry-After": "7"},
    ),
    (errors.Unavailable(), UNAVAILABLE, {"Retry-After": "2"}),
    (AutoReconnect(SECRET), UNAVAILABLE, {"Retry-After": "2"}),
    (RedisConnectionError(SECRET), UNAVAILABLE, {"Retry-After": "2"}),
    (Http404(SECRET), NOT_FOUND, {}),
    (
        PermissionDenied(SECRET),
        problem(
            403, "Forbidden", "forbidden", "You do not have permission to perform this action."
        ),
        {},
    ),
    (
        ValidationError({"members": {0: ["No."]}, "name": ["Nor this."]}),
        invalid(**{"members.0": ["No."], "name": ["Nor this."]}),
        {},
    ),
    (ValidationError("Nothing."), invalid(non_field_errors=["Nothing."]), {}),
]


@pytest.mark.parametrize(
    ("exc", "document", "headers"), CASES, ids=lambda case: type(case).__name__
)
def test_documents(exc: Exception, document: dict[str, Any], headers: dict[str, str]) -> None:
    response = exception_handler(exc, {})
    assert response is not None
    assert (response.status_code, response.data) == (document["status"], document)
    assert response.content_type == "application/problem+json"
    assert dict(response.headers.items()) == headers | {"Content-Type": "text/html; charset=utf-8"}


def test_what_nobody_expected_is_left_to_be_logged() -> None:
    assert exception_handler(ZeroDivisionError(SECRET), {}) is None


def test_the_same_document_outside_of_views() -> None:
    response = problem_response(errors.RateLimited(7))
    assert (response.status_code, response["Retry-After"]) == (429, "7")
    assert response["Content-Type"] == "application/problem+json"


# --- over HTTP ------------------------------------------------------------------------------


def test_unknown_addresses_of_the_api() -> None:
    for path in ("/api/v1/nonsense/", "/api/v1/rooms/../x/", "/api/", "/api/v1/users/me"):
        answer = Client().get(path)
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
        assert answer["Content-Type"] == "application/problem+json"


def test_unknown_pages_stay_pages() -> None:
    answer = Client().get("/nonsense/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "Page not found" in answer.content.decode()


def test_a_foreign_host() -> None:
    for path, kind in (("/api/v1/rooms/", "application/problem+json"), ("/chat/", "text/html")):
        answer = Client(headers={"Host": "evil.example"}).get(path)
        assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (400, kind)
    assert Client(headers={"Host": "evil.example"}).get("/api/v1/rooms/").json() == bad_request()


def test_a_crash_tells_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_user: object) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr("chat.inbox.room_list", fail)
    api = Api(cast.member)
    api.client.raise_request_exception = False
    answer = api.get("rooms/")
    sentence = "Something went wrong on our side. Please try again."
    assert answer.json() == problem(500, "Internal Server Error", "internal", sentence)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "rooms/"),
        ("DELETE", "rooms/"),
        ("PUT", "rooms/{room}/"),
        ("GET", "rooms/{room}/join/"),
        ("PUT", "rooms/{room}/messages/"),
        ("GET", "messages/{room}/"),
        ("TRACE", "rooms/{room}/"),
        ("NONSENSE", "rooms/{room}/"),
    ],
)
def test_other_methods(cast: Cast, method: str, path: str) -> None:
    answer = Api(cast.member).call(method, path.format(room=cast.room.pk), {})
    detail = f'Method "{method}" not allowed.'
    assert answer.json() == problem(405, "Method Not Allowed", "method_not_allowed", detail)


def test_an_override_header_changes_no_method(cast: Cast) -> None:
    override = {"X-HTTP-Method-Override": "DELETE"}
    answer = Api(cast.owner).post(f"rooms/{cast.room.pk}/", {}, **override)
    assert answer.status_code == 405


def test_details_are_in_the_readers_language(cast: Cast) -> None:
    api = Api(cast.outsider)
    chinese = {"Accept-Language": "zh-CN,zh;q=0.9"}
    answer = api.get(f"rooms/{cast.room.pk}/", **chinese).json()
    assert {**answer, "detail": "Not found."} == NOT_FOUND
    assert not answer["detail"].isascii()
