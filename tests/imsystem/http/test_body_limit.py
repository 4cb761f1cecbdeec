"""A body longer than the limit is answered with 413, and Django never gets to store it."""

import json
from typing import Any

import pytest

from imsystem.http import body_limit
from imsystem.http.asgi_handler import SyncHandler
from imsystem.http.body_limit import within_limit
from tests.api import problem

LIMIT = 1_000
REFUSED = problem(413, "Request Entity Too Large", "too_large", "This is too large.")


@pytest.fixture(autouse=True)
def _small(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MAX_BODY_BYTES = LIMIT
    monkeypatch.setattr(body_limit, "DRAINED_BYTES", 3_000)


class Client:
    """One request, piece by piece."""

    def __init__(self, *pieces: bytes, length: str | None = None, path: str = "/api/v1/x/") -> None:
        self.pieces = list(pieces)
        self.sent: list[dict[str, Any]] = []
        headers = [] if length is None else [(b"content-length", length.encode())]
        self.scope = {
            "type": "http", "method": "POST", "path": path, "query_string": b"",
            "headers": [(b"host", b"localhost"), *headers],
        }  # fmt: skip

    async def receive(self) -> dict[str, Any]:
        if not self.pieces:
            return {"type": "http.disconnect"}
        piece = self.pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    async def answered(self, application: Any) -> int:
        """The status of the answer; 0 without one."""
        await within_limit(application, self.scope, self.receive, self.send)
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
    assert client.pieces == []  # read to the end: the client is there to hear the answer


async def test_a_body_without_end_is_not_read_to_its_end() -> None:
    client = Client(*[b"a" * 500] * 100)
    assert await client.answered(echo) == 413
    assert len(client.pieces) > 80


async def test_pages_get_a_sentence() -> None:
    client = Client(length="1001", path="/accounts/avatar/")
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
