"""Pictures at their addresses: open to everybody, cached for ever, and nothing but pictures."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import services
from accounts.models import User
from accounts.payloads import avatar_address
from tests.images import picture

FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture(params=["uploaded", "initial"])
def address(request: pytest.FixtureRequest, alice: User) -> str:
    """Returns the address of a picture of either kind."""
    if request.param == "uploaded":
        services.set_avatar(user=alice, data=picture())
    return avatar_address(alice)


def test_pictures_are_for_everybody_and_for_ever(address: str) -> None:
    answer = Client().get(address)
    kind = "image/webp" if address.endswith(".webp") else "image/svg+xml"
    assert (answer.status_code, answer["Content-Type"]) == (200, kind)
    assert answer["Cache-Control"] == FOR_EVER
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.cookies == {}
    head = Client().head(address)
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", answer["ETag"])


def test_who_has_a_picture_is_not_sent_it_again(address: str) -> None:
    tag = Client().get(address)["ETag"]
    again = Client().get(address, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert (again["Cache-Control"], again["ETag"]) == (FOR_EVER, tag)
    assert again["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert Client().get(address, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_picture_costs_one_query_and_no_look_at_the_cookie(alice: User, address: str) -> None:
    client = Client()
    client.force_login(alice, backend="accounts.backends.AccountBackend")
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    assert len(queries) == int(address.endswith(".webp"))
    assert "Cookie" not in answer.get("Vary", "")


@pytest.mark.parametrize(
    "path",
    [f"{'a' * 24}.webp", f"{'A' * 24}.webp", "x.webp", ".webp", "%24ne.webp", "a/b.webp",
     f"{'a' * 24}.png", f"{'a' * 24}", "initial/0-61.svg", "initial/0-3c-73.svg", "initial/.svg",
     "initial/0-41.webp", "initial/0-%00.svg", "initial/0-%D9%A4.svg", "..%2f..%2fx.webp"],
)  # fmt: skip
def test_what_is_not_there_is_not_kept_for_long(path: str) -> None:
    answer = Client().get(f"/avatars/{path}")
    assert answer.status_code == 404
    assert "max-age=31536000" not in answer.get("Cache-Control", "")
    assert b"<text" not in answer.content


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_pictures_are_only_read(address: str, method: str) -> None:
    assert Client().generic(method, address).status_code == 405
