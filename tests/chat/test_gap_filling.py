"""Processes that die with a message: what others send afterwards reaches the sockets in order."""

import asyncio
from typing import Any

import pytest

from chat import gaps
from chat.kinds import Content
from chat.payloads import VOID, new_document
from chat.sequence import SequenceAllocator
from imsystem.clock import now_ms
from imsystem.mongo.clients import collection
from imsystem.realtime import ordering
from tests.conftest import Cast
from tests.sockets import Socket, say_hello, socket_of


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "HOLD_S", 0.02)
    monkeypatch.setattr(ordering, "PULL_AGAIN_S", 0.05)
    monkeypatch.setattr(gaps, "SETTLE_MS", 300)


async def taken(cast: Cast, *, stored: bool) -> int:
    """Another process takes a number, maybe stores its message, and dies."""
    room = cast.room.pk
    seq = (await SequenceAllocator().allocate({room: 1}))[room]
    content = Content(kind="text", data=f"last words {seq}")
    document = new_document(
        room_identity=room,
        user_identity=cast.owner.pk,
        client_id=f"died-{seq}",
        seq=seq,
        content=content,
        now=now_ms(),
    )
    if stored:
        await collection("message_basic").insert_one(document)
    return seq


async def created(socket: Socket, count: int) -> list[tuple[int, str]]:
    frames: list[dict[str, Any]] = []
    while len(frames) < count:
        frame = await socket.hear()
        if frame["type"] == "message.created":
            frames.append(frame["message"])
    return [(message["seq"], message["data"]) for message in frames]


async def test_a_message_that_nobody_announced_comes_before_the_next(cast: Cast) -> None:
    async with socket_of(cast.owner) as sender, socket_of(cast.member) as hers:
        await say_hello(sender, cast, "c1")
        await taken(cast, stored=True)
        await taken(cast, stored=True)
        assert (await say_hello(sender, cast, "c2"))["message"]["seq"] == 4
        assert await created(hers, 4) == [
            *((1, "hello"), (2, "last words 2"), (3, "last words 3"), (4, "hello"))
        ]


async def test_a_number_that_was_lost_holds_the_room_up_until_it_is_sealed(cast: Cast) -> None:
    async with socket_of(cast.owner) as sender, socket_of(cast.member) as hers:
        await say_hello(sender, cast, "c1")
        await taken(cast, stored=False)
        started = asyncio.get_running_loop().time()
        assert (await say_hello(sender, cast, "c2"))["message"]["seq"] == 3
        assert await created(hers, 2) == [(1, "hello"), (3, "hello")]
        assert asyncio.get_running_loop().time() - started > 0.25  # the age of the gap decides
    sealed = await collection("message_basic").find_one({"room_identity": cast.room.pk, "seq": 2})
    assert sealed is not None
    assert sealed["kind"] == VOID


async def test_a_message_that_is_slow_comes_in_its_place(cast: Cast) -> None:
    async with socket_of(cast.owner) as sender, socket_of(cast.member) as hers:
        await say_hello(sender, cast, "c1")
        seq = await taken(cast, stored=False)
        await say_hello(sender, cast, "c2")
        await asyncio.sleep(0.1)
        late = new_document(
            room_identity=cast.room.pk,
            user_identity=cast.owner.pk,
            client_id="late",
            seq=seq,
            content=Content(kind="text", data="late"),
            now=now_ms(),
        )
        await collection("message_basic").insert_one(late)
        assert await created(hers, 3) == [(1, "hello"), (2, "late"), (3, "hello")]
