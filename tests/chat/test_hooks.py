"""Functions that are told of stored messages: outside the message path, whatever they do."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from chat.hooks import BATCH, MAX_WAITING, Hook, Messages, on_changed, on_stored
from chat.services import edit_message, send_message
from imsystem.ops import metrics
from tests.conftest import Cast
from tests.sockets import socket_of

SECRET = "what only the room may read"


@pytest.fixture(autouse=True)
def _nobody_else() -> Iterator[None]:
    """Removes what a test has registered."""
    before = [list(hook._functions) for hook in (on_stored, on_changed)]
    yield
    for hook, functions in zip((on_stored, on_changed), before, strict=True):
        hook._functions[:] = functions


async def say(cast: Cast, client_id: str = "c", data: str = SECRET) -> dict[str, Any]:
    sent = await send_message(
        user_identity=cast.owner.pk, room_identity=cast.room.pk, client_id=client_id, data=data
    )
    return dict(sent.message)


async def until(found: Any, wanted: Any) -> None:
    async with asyncio.timeout(5):
        while found() != wanted:
            await asyncio.sleep(0.005)


async def test_stored_and_changed_messages_are_told(cast: Cast) -> None:
    stored: list[Any] = []
    changed: list[Any] = []

    @on_stored
    async def one(messages: Messages) -> None:
        stored.extend(messages)

    @on_changed
    async def other(messages: Messages) -> None:
        changed.extend(messages)

    message = await say(cast)
    edited = await edit_message(
        user_identity=cast.owner.pk, message_identity=message["identity"], data="better"
    )
    await until(lambda: len(stored) + len(changed), 2)
    assert (stored, changed) == ([message], [edited])


async def test_one_that_fails_is_logged_without_text_and_called_again(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    @on_stored
    async def breaks(messages: Messages) -> None:
        calls.append(messages[0]["client_id"])
        raise RuntimeError(messages[0]["data"])

    with caplog.at_level(logging.ERROR):
        await say(cast, "c1")
        await say(cast, "c2")
        await until(lambda: calls, ["c1", "c2"])
    lines = [record.getMessage() for record in caplog.records if record.name == "chat.hooks"]
    assert len(lines) == 2
    assert lines[0].endswith("breaks failed with RuntimeError")
    assert SECRET not in caplog.text


async def test_a_slow_one_holds_up_neither_acks_nor_the_others(cast: Cast) -> None:
    gate = asyncio.Event()
    told: list[Any] = []

    @on_stored
    async def slow(messages: Messages) -> None:
        await gate.wait()

    @on_stored
    async def quick(messages: Messages) -> None:
        told.extend(message["client_id"] for message in messages)

    async with socket_of(cast.owner) as socket:
        for number in range(5):
            await socket.say(
                type="message.send", id=str(number), room_identity=cast.room.pk,
                client_id=f"c{number}", data=SECRET,
            )  # fmt: skip
            assert (await socket.hear())["type"] == "ack"
            assert (await socket.hear())["type"] == "message.created"
    await until(lambda: told, [f"c{number}" for number in range(5)])
    gate.set()


async def test_what_a_slow_one_cannot_take_is_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[tuple[str, int]] = []
    monkeypatch.setattr(
        metrics, "hooks", lambda *_name: lambda outcome, n: counted.append((outcome, n))
    )
    hook, gate, batches = Hook("test"), asyncio.Event(), []

    @hook
    async def slow(messages: Messages) -> None:
        await gate.wait()
        batches.append(len(messages))

    hook.tell([{"seq": seq} for seq in range(MAX_WAITING + 7)])
    hook.tell([{"seq": 0}])
    assert counted == [("dropped", 7), ("dropped", 1)]
    gate.set()
    await until(lambda: sum(batches), MAX_WAITING)
    assert max(batches) == BATCH
    await until(lambda: counted[2:], [("told", BATCH)] * (MAX_WAITING // BATCH))


def test_without_functions_nothing_is_prepared() -> None:
    hook = Hook("test")
    assert not hook
    hook.tell([{}])  # and needs no event loop
