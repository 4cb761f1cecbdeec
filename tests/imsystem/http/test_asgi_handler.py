"""Django behind ASGI: one thread a request, and nothing of one request in the next."""

import asyncio
import errno
import io
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import translation

from imsystem.http.asgi_handler import STREAM_COSTS, SyncHandler
from imsystem.http.held import Held

seen: list[tuple[str, str]] = []


def view(request: HttpRequest) -> HttpResponse:
    seen.append((threading.current_thread().name, translation.get_language()))
    if request.GET.get("language"):
        translation.activate(request.GET["language"])
    return HttpResponse("done")


class Handler(SyncHandler):
    def load_middleware(self, is_async: bool = False) -> None:
        self._middleware_chain = view


async def ask(handler: SyncHandler, query: bytes = b"") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http", "method": "GET", "path": "/", "query_string": query, "headers": [],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await handler(scope, receive, send)
    return sent


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


async def test_an_answer_is_sent_whole() -> None:
    start, body = await ask(Handler())
    assert start["status"] == 200
    assert body == {"type": "http.response.body", "body": b"done", "more_body": False}


async def test_the_language_of_a_request_is_not_that_of_the_next() -> None:
    handler = Handler()
    for _ in range(40):
        await ask(handler, b"language=zh-hans")
    assert {language for _thread, language in seen} == {"en"}


async def test_requests_run_side_by_side_off_the_event_loop() -> None:
    handler = Handler()
    await asyncio.gather(*(ask(handler) for _ in range(20)))
    assert all(name.startswith("request") for name, _language in seen)
    assert len(seen) == 20


async def test_no_room_for_the_body_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is longer than 2.5 MB goes to a file."""

    async def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SyncHandler, "read_body", full)
    start, body = await ask(Handler())
    assert start["status"] == 503
    assert (b"Retry-After", b"2") in start["headers"]
    assert json.loads(body["body"])["code"] == "unavailable"
    assert seen == []


async def test_a_client_that_hangs_up_early_gets_nothing() -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    await Handler()(scope, receive, send)
    assert sent == []
    assert seen == []


# --- answers piece by piece -----------------------------------------------------------------

KIB = 1024


class File(io.BytesIO):
    """Knows how much of it was read."""

    def __init__(self, size: int) -> None:
        super().__init__(b"x" * size)

    @property
    def was_read(self) -> int:
        return len(self.getvalue()) if self.closed else self.tell()

    def getvalue(self) -> bytes:
        return b"" if self.closed else super().getvalue()


class Reader:
    """A client that takes so many pieces of an answer, then no more; it may hang up."""

    def __init__(self, response: HttpResponse | StreamingHttpResponse, pieces: int) -> None:
        self.response, self.left = response, pieces
        self.taken = 0
        self.gone = asyncio.Event()

    async def ask(self) -> None:
        class Answering(SyncHandler):
            def load_middleware(handler, is_async: bool = False) -> None:
                handler._middleware_chain = lambda _request: self.response

        scope = {
            "type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [],
            "client": ["198.51.100.7", 50_000],
        }  # fmt: skip
        first = {"type": "http.request", "body": b"", "more_body": False}
        messages = [first]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await self.gone.wait()
            return {"type": "http.disconnect"}

        await Answering()(scope, receive, self.take)

    async def take(self, message: dict[str, Any]) -> None:
        if message.get("body"):
            if not self.left:
                await asyncio.Event().wait()  # its buffers are full, and it does not read
            self.left -= 1
            self.taken += len(message["body"])


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    counting = Held(0, 0)
    monkeypatch.setattr("imsystem.http.asgi_handler.current_held", lambda: counting)
    return counting


def of_reader(held: Held) -> int:
    return held.of("198.51.100.7")


async def test_a_file_is_read_as_it_is_taken(held: Held) -> None:
    file = File(KIB * KIB)
    reader = Reader(FileResponse(file), pieces=6)
    asking = asyncio.ensure_future(reader.ask())
    await asyncio.sleep(0.2)
    assert (reader.taken, file.was_read) == (6 * 64 * KIB, 7 * 64 * KIB)
    assert of_reader(held) == STREAM_COSTS
    reader.gone.set()
    await asking
    assert file.closed
    assert of_reader(held) == 0


async def test_a_whole_file_arrives(held: Held) -> None:
    for size in (0, 1, 64 * KIB, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 600 * KIB):
        file = File(size)
        reader = Reader(FileResponse(file), pieces=100)
        await reader.ask()
        assert (reader.taken, file.closed) == (size, True)
        assert of_reader(held) == 0


async def test_a_short_file_is_closed_at_once(held: Held) -> None:
    """It takes no descriptor while it waits to be read, and counts with its length."""
    file = File(190 * KIB)
    reader = Reader(FileResponse(file), pieces=1)
    asking = asyncio.ensure_future(reader.ask())
    await asyncio.sleep(0.2)
    assert file.closed
    assert of_reader(held) == 190 * KIB
    asking.cancel()
    await asyncio.wait([asking])
    assert of_reader(held) == 0


async def test_a_page_counts_until_it_is_read(held: Held) -> None:
    reader = Reader(HttpResponse(b"x" * 300 * KIB), pieces=2)
    asking = asyncio.ensure_future(reader.ask())
    await asyncio.sleep(0.2)
    assert of_reader(held) == 300 * KIB
    asking.cancel()
    await asyncio.wait([asking])
    assert of_reader(held) == 0


async def test_what_is_made_while_it_is_sent_ends_with_its_reader(held: Held) -> None:
    """An export is not made to its end for somebody who has hung up."""
    made = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield b"x"

    reader = Reader(StreamingHttpResponse(endless()), pieces=5)
    asking = asyncio.ensure_future(reader.ask())
    await asyncio.sleep(0.1)
    assert (made, of_reader(held)) == (6, STREAM_COSTS)
    reader.gone.set()
    await asking
    await asyncio.sleep(0.1)
    assert (made, of_reader(held)) == (6, 0)
