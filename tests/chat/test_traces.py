"""Sockets that have come and gone leave nothing in the process: no task, no subscription."""

import asyncio
from typing import Any

import pytest

from chat.protocol import Sync
from imsystem.realtime import commands
from imsystem.realtime.admission import current_admission
from imsystem.realtime.hub import current_hub
from imsystem.realtime.sockets import watched
from imsystem.threads import run_in_thread
from tests.conftest import Cast
from tests.sockets import communicator_of, open_socket, socket_of, token_of

TURNS, AT_ONCE = 5, 20


def traces() -> dict[str, int]:
    hub, door = current_hub(), current_admission()
    return {
        "tasks": len(asyncio.all_tasks()),
        "sockets": len(hub.connections),
        "topics": len(hub._topics),
        "watched": len(watched()),
        "counted": door.sockets + door.handshakes,
        "users": len(door._of_user),
        "addresses": len(door._of_ip),
    }


async def _before() -> dict[str, int]:
    """Returns the fewest of each in half a second, since tasks that fixtures have started end
    meanwhile."""
    fewest = traces()
    for _ in range(10):
        await asyncio.sleep(0.05)
        fewest = {name: min(count, fewest[name]) for name, count in traces().items()}
    return fewest


async def _left(before: dict[str, int]) -> dict[str, int]:
    """Returns what there is more of than before, also after five seconds."""
    more: dict[str, int] = {}
    for _ in range(100):
        more = {name: count for name, count in traces().items() if count > before[name]}
        if not more:
            break
        await asyncio.sleep(0.05)
    return more


async def _come_and_go(token: str, number: int) -> None:
    communicator = communicator_of(token)
    communicator.scope["client"] = [f"2001:db8::{number:x}", 4_000]
    connected, _subprotocol = await communicator.connect(timeout=5)
    assert connected
    if number % 3 == 0:  # in the middle of something
        await communicator.send_to(text_data='{"type": "ping", "id": "1"}')
    await communicator.disconnect()


async def test_a_hundred_sockets_leave_no_trace(cast: Cast) -> None:
    """Five hundred of them are in tests/hostile/test_floods.py, from outside."""
    token = await run_in_thread(token_of, cast.member)
    # One user may not connect that often; the test is about what is left.
    current_admission()._connects_of_user._buckets.clear()
    async with socket_of(cast.owner):  # one stays, and is counted in both
        before = await _before()
        for _ in range(TURNS):
            current_admission()._connects_of_user._buckets.clear()
            await asyncio.gather(*(_come_and_go(token, number) for number in range(AT_ONCE)))
        assert await _left(before) == {}
        assert traces()["sockets"] == before["sockets"] == 1


async def test_an_error_nobody_expects_ends_nothing_but_the_command(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """F29"""

    async def fail(socket: Any, frame: Any) -> None:
        raise LookupError("nobody expects this")

    broken = commands._by_struct[Sync]._replace(handle=fail)

    async with socket_of(cast.member) as other:
        before = await _before()
        async with socket_of(cast.owner) as socket:
            with monkeypatch.context() as patched:
                patched.setitem(commands._by_struct, Sync, broken)
                answer = await socket.ask("sync", rooms={})
            assert answer == {
                "type": "error",
                "id": "x",
                "code": "internal",
                "detail": "Something went wrong on our side. Please try again.",
            }
            answer = {"type": "ack", "id": "x", "rooms": {}, "removed": []}
            assert await socket.ask("sync", rooms={}) == answer
            assert await other.ask("sync", rooms={}) == answer
        assert await _left(before) == {}
    assert "nobody expects this" in caplog.text


async def test_an_error_nobody_expects_in_a_socket_ends_this_one_only(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """F29, before the first frame."""

    async def broken(*arguments: Any) -> str:
        raise LookupError("nobody expects this")

    token = await run_in_thread(token_of, cast.owner)
    async with socket_of(cast.member) as other:
        before = await _before()
        with monkeypatch.context() as patched:
            patched.setattr("chat.snapshot.ready_frame", broken)
            refused = communicator_of(token)
            assert (await refused.connect(timeout=5))[0]
            told = await refused.receive_output(5)
        assert told == {"type": "websocket.close", "code": 1013}
        await refused.wait(5)
        assert await _left(before) == {}
        assert await other.ask("ping") == {"type": "ack", "id": "x"}
    assert "nobody expects this" in caplog.text
    async with open_socket(communicator_of(token)) as again:
        assert await again.ask("ping") == {"type": "ack", "id": "x"}
