"""Django behind ASGI: one thread a request, and nothing of one request in the next."""

import asyncio
import errno
import json
import threading
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from imsystem.http.asgi_handler import SyncHandler

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
