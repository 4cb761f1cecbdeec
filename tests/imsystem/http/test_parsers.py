"""Request bodies: one JSON object in UTF-8, and nothing that looks like it."""

from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from rest_framework.exceptions import ParseError

from imsystem.http.parsers import StrictJSONParser
from tests.api import problem

LOGIN = "/api/v1/auth/login/"
BAD_BODIES = [
    b"{{",
    b"[]",
    b"null",
    b"7",
    b'"text"',
    b"[" * 100_000,
    b'{"a": ' * 40_000,
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": -Infinity}',
    b'{"a": 1e400}',
    b'{"a": [1, {"b": 1e400}]}',
    b'{"a": ' + b"9" * 5_000 + b"}",
    b'{"a": "\\ud800"}',
    b'{"\\ud800": 1}',
    b'{"a": ["\\u0000"]}',
    b'{"a": "\x00"}',
    b'{"a": "\xff"}',
    '{"a": "é"}'.encode("latin-1"),
    '{"a": 1}'.encode("utf-16"),
    b'{"a": 1} {"b": 2}',
    b'{"a": 1,}',
    b"\x1f\x8b\x08\x00",
]


BAD_BODY = problem(400, "Bad Request", "bad_request", "The body must be one JSON object in UTF-8.")


def post(body: bytes, content_type: str = "application/json") -> Any:
    """The raw bytes; Client.post would encode them."""
    return Client().generic("POST", LOGIN, body, content_type=content_type)


def parse(body: bytes) -> Any:
    return StrictJSONParser().parse(BytesIO(body), "application/json", {"encoding": "utf-16"})


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body[:20]))
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse(body)


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body[:20]))
def test_the_api_answers_400_with_a_document(body: bytes) -> None:
    answer = post(body)
    assert (answer.status_code, answer.json()) == (400, BAD_BODY)


@pytest.mark.parametrize(
    ("body", "parsed"),
    [
        (b"{}", {}),
        ('{"名": "厨房 🎉"}'.encode(), {"名": "厨房 🎉"}),
        (b'{"a": "\\ud83c\\udf89"}', {"a": "🎉"}),
        (b'{"a": -0.5, "b": [true, null]}', {"a": -0.5, "b": [True, None]}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_an_object_is_taken_as_it_is(body: bytes, parsed: Any) -> None:
    assert parse(body) == parsed


@pytest.mark.parametrize("charset", ["utf-16", "utf-7", "nonsense"])
def test_the_charset_a_client_claims_does_not_matter(charset: str) -> None:
    answer = post(b"{", f"application/json; charset={charset}")
    assert (answer.status_code, answer.json()) == (400, BAD_BODY)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
def test_other_types_are_415(content_type: str) -> None:
    answer = post(b'{"account": "a"}', content_type)
    document = answer.json()
    assert document == problem(
        415, "Unsupported Media Type", "unsupported_media_type", document["detail"]
    )


def test_a_body_over_the_limit_is_413() -> None:
    body = b'{"account": "' + b"x" * 256 * 1024 + b'"}'
    answer = post(body)
    assert answer.json() == problem(
        413, "Request Entity Too Large", "too_large", "This is too large."
    )
