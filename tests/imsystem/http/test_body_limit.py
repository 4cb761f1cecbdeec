"""A body that is too long, too slow or too much beside others is refused, and Django never gets to
store it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from accounts.uploads import MAX_BODY_BYTES as UPLOAD
from imsystem.http import held
from imsystem.http.asgi_handler import SyncHandler
from imsystem.http.body_limit import within_limit
from imsystem.http.held import Held
from tests.api import problem

LIMIT = 1_000
UPLOADS = "/api/v1/users/me/avatar/"
REFUSED = problem(413, "Request Entity Too Large", "too_large", "This is too large.")
TOO_SLOW = problem(
    408, "Request Timeout", "too_slow", "The request took too long to arrive. Please try again."
)
TOO_MUCH = problem(
    429, "Too Many Requests", "rate_limited", "Too many requests. Please try again later."
)
FULL = problem(
    503,
    "Service Unavailable",
    "unavailable",
    "The service is unavailable at the moment. Please try again.",
)


@pytest.fixture(autouse=True)
def _small(settings: Any) -> None:
    settings.MAX_BODY_BYTES = LIMIT
    settings.BODY_STALLED_S, settings.LOWEST_BYTES_PER_S = 0.2, 10_000


@pytest.fixture
async def counted(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Held]:
    """What requests under way hold: 3,000 bytes of one address, 10,000 of all."""
    counting = Held(3_000, 10_000)
    monkeypatch.setattr("imsystem.http.body_limit.current_held", lambda: counting)
    yield counting
    assert (counting.bodies, counting.of("198.51.100.7")) == (0, 0)


class Client:
    """One request, piece by piece."""

    def __init__(
        self,
        *pieces: bytes,
        length: str | None = None,
        path: str = "/api/v1/x/",
        ip: str = "198.51.100.7",
        pause_s: float = 0.0,
        is_known: bool = False,
    ) -> None:
        self.pieces = list(pieces)
        self.is_known = is_known
        self.pause_s = pause_s
        self.sent: list[dict[str, Any]] = []
        headers = [] if length is None else [(b"content-length", length.encode())]
        self.scope = {
            "type": "http", "method": "POST", "path": path, "query_string": b"",
            "headers": [(b"host", b"localhost"), *headers], "client": [ip, 50_000],
        }  # fmt: skip

    async def receive(self) -> dict[str, Any]:
        if not self.pieces:
            return {"type": "http.disconnect"}
        await asyncio.sleep(self.pause_s)
        piece = self.pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    async def answered(self, application: Any) -> int:
        """The status of the answer; 0 without one."""
        await within_limit(
            application, self.scope, self.receive, self.send, lambda scope: self.is_known
        )
        starts = [message for message in self.sent if message["type"] == "http.response.start"]
        assert len(starts) <= 1
        return starts[0]["status"] if starts else 0

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Reads as Django does: a client that is gone gets no answer."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize("length", [None, "1000", "nonsense"])
async def test_up_to_the_limit_nothing_is_different(length: str | None) -> None:
    client = Client(b"a" * 600, b"b" * 400, length=length)
    assert await client.answered(echo) == 200
    assert client.body == b"a" * 600 + b"b" * 400


@pytest.mark.parametrize("length", [None, "1001", "9" * 30])
async def test_one_byte_more_is_refused(length: str | None) -> None:
    client = Client(b"a" * 600, b"b" * 401, b"c" * 600, length=length)
    assert await client.answered(echo) == 413
    assert json.loads(client.body) == REFUSED
    headers = dict(client.sent[0]["headers"])
    assert headers[b"connection"] == b"close"
    assert headers[b"content-type"] == b"application/problem+json"


async def test_a_body_without_end_is_read_up_to_the_limit() -> None:
    client = Client(*[b"a" * 500] * 100)
    assert await client.answered(echo) == 413
    assert len(client.pieces) == 97


async def test_pages_get_a_sentence() -> None:
    client = Client(length="1001", path="/accounts/login/")
    assert await client.answered(echo) == 413
    assert client.body == b"This is too large."


async def test_a_client_that_leaves_gets_no_answer() -> None:
    client = Client(b"a" * 10)
    client.pieces.clear()
    assert await client.answered(echo) == 0


@pytest.mark.parametrize("length", [None, "2000"])
async def test_django_behind_it(length: str | None) -> None:
    client = Client(b"a" * 1_500, b"b" * 500, length=length)
    assert await client.answered(SyncHandler()) == 413
    assert json.loads(client.body) == REFUSED


async def test_who_announces_too_much_is_not_listened_to() -> None:
    client = Client(b"a" * 2_000, length="2000")
    assert await client.answered(echo) == 413
    assert len(client.pieces) == 1


# --- where uploads go -----------------------------------------------------------------------


@pytest.mark.parametrize("length", [None, str(UPLOAD)])
@pytest.mark.parametrize("path", [UPLOADS, "/accounts/avatar/"])
async def test_uploads_have_a_limit_of_their_own(length: str | None, path: str) -> None:
    client = Client(b"a" * (UPLOAD - 1), b"b", length=length, path=path)
    assert await client.answered(echo) == 200


@pytest.mark.parametrize("length", [None, str(UPLOAD + 1)])
async def test_uploads_that_are_too_large_are_told_how_large(length: str | None) -> None:
    client = Client(b"a" * UPLOAD, b"b", length=length, path=UPLOADS)
    assert await client.answered(echo) == 413
    assert json.loads(client.body)["detail"] == "Pictures can be at most 5 MB."


@pytest.mark.parametrize("path", ["/nowhere/", "/api/v1/auth/login/", "/accounts/login/"])
async def test_other_paths_take_none(path: str) -> None:
    assert await Client(b"a" * 1_001, path=path).answered(echo) == 413


# --- time -----------------------------------------------------------------------------------


async def test_a_body_that_does_not_go_on_is_given_up() -> None:
    client = Client(b"a" * 600, b"b", pause_s=0.3)
    assert await client.answered(echo) == 408
    assert json.loads(client.body) == TOO_SLOW
    assert dict(client.sent[0]["headers"])[b"connection"] == b"close"


async def test_a_body_that_goes_on_too_slowly_is_given_up(settings: Any) -> None:
    """Each byte comes in time, all of them do not."""
    settings.LOWEST_BYTES_PER_S = 100
    client = Client(*[b"a"] * 100, pause_s=0.05)
    assert await client.answered(echo) == 408
    assert len(client.pieces) > 80


async def test_a_body_at_the_lowest_rate_is_taken(settings: Any) -> None:
    settings.LOWEST_BYTES_PER_S = 100
    client = Client(*[b"a" * 20] * 20, pause_s=0.05)
    assert await client.answered(echo) == 200


async def test_an_answer_may_take_longer_than_a_body() -> None:
    """Who has sent everything is only waited for to hang up."""

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await asyncio.sleep(0.3)
        assert (await receive())["type"] == "http.disconnect"
        await echo(scope, Client(b"x").receive, send)

    assert await Client(b"a").answered(slow) == 200


# --- many at once ---------------------------------------------------------------------------


async def test_one_address_holds_so_much(settings: Any, counted: Held) -> None:
    settings.MAX_BODY_BYTES = 4_000
    client = Client(b"a" * 3_000, b"b", b"c")
    assert await client.answered(echo) == 429
    assert json.loads(client.body) == TOO_MUCH
    assert dict(client.sent[0]["headers"])[b"retry-after"] == str(held.RETRY_S).encode()


async def test_others_do_not_pay_for_it(counted: Held) -> None:
    counted.keep("198.51.100.7", 3_000)
    assert await Client().answered(echo) == 429
    assert await Client(b"a", ip="198.51.100.8").answered(echo) == 200
    counted.let_go("198.51.100.7", 3_000)


async def test_strangers_leave_room_for_who_has_signed_in(counted: Held) -> None:
    for number in range(2):
        counted.take(f"203.0.113.{number}", 2_500)
    stranger = Client(b"a")
    assert await stranger.answered(echo) == 503
    assert json.loads(stranger.body) == FULL
    assert await Client(b"a", is_known=True).answered(echo) == 200
    for number in range(2):
        counted.give_back(f"203.0.113.{number}", 2_500)


async def test_all_together_hold_so_much(settings: Any, counted: Held) -> None:
    settings.MAX_BODY_BYTES = 10_000
    for number in range(4):
        counted.take(f"203.0.113.{number}", 2_375, lambda: True)
    client = Client(b"a" * 500, b"b", is_known=True)
    assert await client.answered(echo) == 503
    assert json.loads(client.body) == FULL
    for number in range(4):
        counted.give_back(f"203.0.113.{number}", 2_375)


async def test_an_application_that_fails_gives_everything_back(counted: Held) -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Client(b"a" * 500).answered(fails)
