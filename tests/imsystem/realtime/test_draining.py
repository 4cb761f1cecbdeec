"""Before a restart (F23): earlier commands are answered, new ones are refused, then the socket
closes with 1012."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest

from chat import consumer
from chat.protocol import Sync
from imsystem.realtime import commands, draining
from imsystem.realtime.admission import current_admission
from imsystem.realtime.draining import drain
from imsystem.realtime.frames import Ack
from imsystem.realtime.sockets import watched
from imsystem.threads import run_in_thread
from tests.conftest import Cast
from tests.sockets import Socket, communicator_of, socket_of, token_of

UNAVAILABLE = "The service is unavailable at the moment. Please try again."


@pytest.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """A sync is answered when this event is set."""
    released = asyncio.Event()

    async def answer(socket: Any, frame: Sync) -> Ack:
        await released.wait()
        return Ack(id=frame.id)

    sync = commands._by_struct[Sync]._replace(handle=answer)
    monkeypatch.setitem(commands._by_struct, Sync, sync)
    return released


async def _rest(socket: Socket) -> list[Any]:
    """Returns all answers and the close code, which comes last."""
    heard: list[Any] = []
    while True:
        output = await socket.communicator.receive_output(5)
        if output["type"] == "websocket.close":
            return [*heard, output["code"]]
        frame = json.loads(output["text"])
        if frame["type"] in {"ack", "error"}:
            heard.append(frame)


async def test_what_was_said_is_answered_first(cast: Cast, slow: asyncio.Event) -> None:
    async with socket_of(cast.member) as socket:
        await socket.say(type="sync", id="before", rooms={})
        await asyncio.sleep(0.05)
        ending = asyncio.create_task(drain())
        await asyncio.sleep(0.05)
        fields = {"room_identity": cast.room.pk, "client_id": "c", "data": "too late"}
        await socket.say(type="message.send", id="after", **fields)
        await asyncio.sleep(0.05)
        assert not ending.done()
        slow.set()
        refused = {"type": "error", "id": "after", "code": "unavailable", "retry_after": 2}
        assert await _rest(socket) == [
            refused | {"detail": UNAVAILABLE},
            {"type": "ack", "id": "before"},
            1012,
        ]
        await ending


async def test_what_takes_too_long_is_not_waited_for(
    cast: Cast, slow: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "LAST_ANSWERS_S", 0.1)
    async with socket_of(cast.member) as stuck, socket_of(cast.owner) as other:
        await stuck.say(type="sync", id="1", rooms={})
        await asyncio.sleep(0.05)
        await drain()
        assert (await _rest(stuck), await _rest(other)) == ([1012], [1012])
        slow.set()


async def test_a_few_at_a_time(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "AT_ONCE", 2)
    monkeypatch.setattr(draining, "STEP_S", 0.1)
    async with AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(socket_of(cast.member))
        assert len(watched()) == 5
        open_then = []
        ending = asyncio.create_task(drain())
        for _ in range(3):
            await asyncio.sleep(0.05)
            open_then.append(sum(not s.connection.closing for s in watched()))
            await asyncio.sleep(0.05)
        await ending
    assert open_then == [3, 1, 0]


async def test_however_many_it_takes_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    class Quick:
        ended = 0

        async def finish(self) -> None:
            Quick.ended += 1

    pauses: list[float] = []
    really_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await really_sleep(seconds)

    assert 1.9 <= draining.STEP_S * draining.MAX_STEPS <= 2
    step = 0.000123  # no other task sleeps as long
    monkeypatch.setattr(draining, "STEP_S", step)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(draining, "watched", lambda: [Quick() for _ in range(20_000)])
    await drain()
    assert Quick.ended == 20_000
    assert pauses.count(step) == draining.MAX_STEPS - 1


async def test_one_that_fails_keeps_none_back(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: Any) -> None:
        raise LookupError

    async with socket_of(cast.member) as other:
        sockets = watched()

        class Broken:
            finish = broken

        monkeypatch.setattr(draining, "watched", lambda: [Broken(), *sockets])
        await drain()
        assert await _rest(other) == [1012]


async def test_who_is_too_many_is_not_let_in(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that can answer a handshake in HTTP does so; any other answers 403."""
    monkeypatch.setattr(current_admission(), "sockets", 10**9)
    token = await run_in_thread(token_of, cast.member)
    asked = communicator_of(token)
    asked.scope["extensions"] = {"websocket.http.response": {}}
    await asked.send_input({"type": "websocket.connect"})
    start, body = await asked.receive_output(5), await asked.receive_output(5)
    headers = [(b"retry-after", b"2"), (b"content-type", b"text/plain")]
    assert start["headers"].pop()[0] == b"x-request-id"
    assert start == {
        "type": "websocket.http.response.start",
        "status": 503,
        "headers": headers,
    }
    assert body == {"type": "websocket.http.response.body", "body": b"unavailable\n"}
    await asked.wait()
    assert (await communicator_of(token).connect(timeout=5))[0] is False
