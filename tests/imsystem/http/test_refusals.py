"""A source that is refused a lot is refused slowly, at both doors; nobody else waits."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from imsystem import asgi, budgets
from imsystem.env import Rate
from imsystem.http import refusals
from imsystem.http.refusals import AT_ONCE, HELD_S, hold, slowly
from imsystem.realtime.buckets import Buckets
from imsystem.threads import run_in_thread
from tests.conftest import Cast
from tests.sockets import communicator_of, token_of

MANY = AT_ONCE.amount


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The pauses that were made, which take no time here."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    buckets = Buckets(AT_ONCE)
    with monkeypatch.context() as patch:
        patch.setattr(refusals, "_refused", lambda: buckets)
        patch.setattr(refusals, "asyncio", type("Clock", (), {"sleep": staticmethod(sleep)}))
        yield pauses


async def test_a_few_are_told_at_once(slept: list[float]) -> None:
    for _ in range(MANY):
        await hold("198.51.100.7")
    assert slept == []
    await hold("198.51.100.7")
    assert len(slept) == 1
    assert HELD_S / 2 <= slept[0] <= HELD_S * 1.5 < 1.0
    await hold("203.0.113.9")
    assert len(slept) == 1


@pytest.mark.parametrize(("status", "held"), [(429, 1), (413, 1), (200, 0), (404, 0), (503, 0)])
async def test_which_answers(status: int, held: int, slept: list[float]) -> None:
    """Health checks are answered at once, whatever they are answered."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    start = {"type": "http.response.start", "status": status, "headers": []}
    body = {"type": "http.response.body", "body": b""}
    for _ in range(MANY + 1):
        answer = slowly(send, "198.51.100.7")
        await answer(start)
        await answer(body)
    assert sent == [start, body] * (MANY + 1)
    assert len(slept) == held


async def test_every_request_passes_through_here(
    monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    async def refuse(_application: Any, _scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 429, "headers": []})

    async def nothing(*_message: Any) -> None: ...

    monkeypatch.setattr(asgi, "within_limit", refuse)
    for _ in range(MANY + 1):
        scope = {"type": "http", "path": "/", "headers": [], "client": ("198.51.100.7", 50_000)}
        await asgi.application(scope, nothing, nothing)
    assert len(slept) == 1


async def test_a_socket_that_is_refused_waits_too(
    cast: Cast, slept: list[float], settings: Any
) -> None:
    settings.READS_PER_USER = Rate(1, 100_000)
    try:
        budgets.reads().spend(cast.owner.identity, 1_000)
        token = await run_in_thread(token_of, cast.owner)
        for number in range(MANY + 1):
            communicator = communicator_of(token)
            assert (await communicator.connect(timeout=5))[0]
            refused = json.loads(await communicator.receive_from(5))
            assert (refused["type"], refused["code"]) == ("error", "rate_limited")
            assert await communicator.receive_output(5) == {
                "type": "websocket.close",
                "code": 4429,
            }
            await communicator.wait()
            assert len(slept) == (number >= MANY)
    finally:
        budgets._reads.clear()
