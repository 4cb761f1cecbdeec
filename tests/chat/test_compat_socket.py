"""The original's socket: its frames in, bare texts out, and the rules of /ws/ in between."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator

from accounts.models import DeviceSession, User
from accounts.services import revoke_all
from chat import inbox, snapshot, sweep
from chat.compat.socket import SOCKET_PATHS, Seen
from chat.models import Message
from imsystem.asgi import application
from imsystem.client_limits import FRAME_BYTES
from imsystem.clock import now_ms
from imsystem.ids import new_identity
from imsystem.mongo.clients import collection
from imsystem.realtime.connection import MAX_WAITING_BYTES
from imsystem.realtime.events import Deliver
from imsystem.realtime.hub import current_hub
from imsystem.realtime.topics import room_topic
from imsystem.threads import run_in_thread
from rooms import services as rooms
from rooms.models import Room
from tests.conftest import Cast
from tests.seed import seed_token
from tests.sockets import caught_up, socket_of, token_of

PATH = "/u/websocket/message"
REFUSED = {"type": "websocket.close", "code": 4401}


class Socket:
    """A connected client of the original."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.communicator = communicator

    async def say(self, text: str, room: Room) -> None:
        await self.say_raw(json.dumps({"message": text, "room_identity": room.pk}))

    async def say_raw(self, text: str) -> None:
        await self.communicator.send_input({"type": "websocket.receive", "text": text})

    async def hear(self) -> str:
        text: str = await self.communicator.receive_from(5)
        return text

    async def silent(self) -> bool:
        return bool(await self.communicator.receive_nothing(timeout=0.15))

    async def close_code(self) -> int:
        while True:
            output = await self.communicator.receive_output(5)
            if output["type"] == "websocket.close":
                return int(output["code"])


def communicator_of(*tokens: str, path: str = PATH, **headers: str) -> WebsocketCommunicator:
    given = [(b"host", b"localhost"), *((b"token", token.encode()) for token in tokens)]
    given += [(name.encode(), value.encode()) for name, value in headers.items()]
    return WebsocketCommunicator(application, path, headers=given, subprotocols=["im.v1"])


@asynccontextmanager
async def seed_socket(user: User, path: str = PATH) -> AsyncIterator[Socket]:
    communicator = communicator_of(await run_in_thread(seed_token, user), path=path)
    await caught_up()
    assert await communicator.connect(timeout=5) == (True, None)
    try:
        yield Socket(communicator)
    finally:
        await communicator.disconnect()


@pytest.mark.parametrize("path", sorted(SOCKET_PATHS))
async def test_everybody_in_the_room_gets_the_bare_text_the_sender_too(
    cast: Cast, path: str
) -> None:
    async with seed_socket(cast.owner, path) as owner, seed_socket(cast.member, path) as member:
        await owner.say("你好 <b>", cast.room)
        assert await owner.hear() == await member.hear() == "你好 <b>"
        await member.say('{"message": "a text"}', cast.room)
        assert await owner.hear() == await member.hear() == '{"message": "a text"}'


async def test_it_is_stored_before_it_is_heard(cast: Cast) -> None:
    async with seed_socket(cast.owner) as owner:
        await owner.say("hello", cast.room)
        await owner.hear()
        (stored,) = await collection("message_basic").find({}).to_list()
    assert (stored["data"], stored["user_identity"], stored["seq"]) == ("hello", cast.owner.pk, 1)


async def test_both_kinds_of_clients_talk_to_each_other(cast: Cast) -> None:
    async with seed_socket(cast.owner) as seed, socket_of(cast.member) as member:
        await seed.say("from the old", cast.room)
        created = await member.hear_until("message.created")
        assert created["message"]["data"] == "from the old"
        await member.ask(
            "message.send", room_identity=cast.room.pk, client_id="c", data="from the new"
        )
        assert [await seed.hear(), await seed.hear()] == ["from the old", "from the new"]


async def test_nothing_but_new_messages_gets_through(cast: Cast) -> None:
    async with seed_socket(cast.owner) as seed, socket_of(cast.member) as member:
        sent = await member.ask(
            "message.send", room_identity=cast.room.pk, client_id="c", data="hello"
        )
        assert await seed.hear() == "hello"
        identity = sent["message"]["identity"]
        await member.ask("message.edit", message_identity=identity, data="hello!")
        await member.ask("message.recall", message_identity=identity)
        await member.ask("room.read", room_identity=cast.room.pk, seq=1)
        await member.say(type="typing", room_identity=cast.room.pk)
        await run_in_thread(
            rooms.update_room, user=cast.owner, room_identity=cast.room.pk, name="Bar"
        )
        await sweep.sweep()
        assert await seed.silent()


async def test_messages_keep_the_order_they_were_sent_in(cast: Cast) -> None:
    async with seed_socket(cast.owner) as owner, seed_socket(cast.member) as member:
        for number in range(30):
            await owner.say(f"m{number}", cast.room)
        expected = [f"m{number}" for number in range(30)]
        assert [await owner.hear() for _ in expected] == expected
        assert [await member.hear() for _ in expected] == expected


# --- who may --------------------------------------------------------------------------------


async def refused(*tokens: str, **headers: str) -> bool:
    """The handshake is refused before it is accepted: servers answer HTTP 403."""
    communicator = communicator_of(*tokens, **headers)
    await communicator.send_input({"type": "websocket.connect"})
    first = await communicator.receive_output(5)
    await communicator.wait()
    return bool(first == REFUSED)


async def test_without_a_good_token_the_handshake_is_refused(cast: Cast) -> None:
    access = await run_in_thread(token_of, cast.member)
    good = await run_in_thread(seed_token, cast.member)
    for token in ("", "x", "a.b.c", "é", "x" * 10_000, access, good + "x", f"Bearer {good}"):
        assert await refused(token), token
    assert await refused()
    assert await refused(good, good)
    assert await refused(authorization=f"Bearer {access}")
    assert await refused(authorization=f"Bearer {good}")


async def test_a_token_is_good_at_its_own_sockets_only(cast: Cast) -> None:
    good = await run_in_thread(seed_token, cast.member)
    communicator = communicator_of(path="/ws/", authorization=f"Bearer {good}")
    await communicator.connect()
    assert await communicator.receive_output(5) == REFUSED
    await communicator.wait()


async def test_without_the_setting_there_is_no_socket(cast: Cast, settings: Any) -> None:
    settings.SEED_ROUTES = False
    good = await run_in_thread(seed_token, cast.member)
    for path in SOCKET_PATHS:
        assert (await communicator_of(good, path=path).connect())[0] is False


async def test_foreign_and_absent_rooms_swallow_what_is_said(cast: Cast) -> None:
    async with seed_socket(cast.owner) as owner, seed_socket(cast.outsider) as outsider:
        await outsider.say("let me in", cast.room)
        await outsider.say("anybody?", Room(pk=new_identity()))
        await owner.say("for us", cast.room)
        assert await owner.hear() == "for us"
        assert await owner.silent()
        assert await outsider.silent()
    assert await collection("message_basic").count_documents({}) == 1


async def test_the_muted_listen(cast: Cast) -> None:
    async with seed_socket(cast.owner) as owner, seed_socket(cast.muted) as muted:
        await muted.say("psst", cast.room)
        await owner.say("silence!", cast.room)
        assert await muted.hear() == await owner.hear() == "silence!"


async def test_who_is_added_hears_and_who_is_removed_does_not(cast: Cast) -> None:
    change = {"user": cast.owner, "room_identity": cast.room.pk}
    async with seed_socket(cast.owner) as owner, seed_socket(cast.outsider) as other:
        await owner.say("before", cast.room)
        await owner.hear()
        await run_in_thread(rooms.add_member, inbox=inbox, **change, peer_identity=cast.outsider.pk)
        await owner.say("during", cast.room)
        assert await other.hear() == await owner.hear() == "during"
        await run_in_thread(rooms.remove_member, **change, peer_identity=cast.outsider.pk)
        await owner.say("after", cast.room)
        assert await owner.hear() == "after"
        assert await other.silent()


async def test_revoking_the_device_ends_the_socket(cast: Cast) -> None:
    async with seed_socket(cast.member) as member, seed_socket(cast.owner) as owner:
        await run_in_thread(revoke_all, user=cast.member)
        await member.say("late", cast.room)
        assert await member.close_code() == 4401
        await owner.say("still here", cast.room)
        assert await owner.hear() == "still here"
    assert not await run_in_thread(Message.objects.filter(data="late").exists)


async def test_a_device_revoked_during_the_handshake_is_not_let_in(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe = snapshot.subscribe

    async def revoke_then_subscribe(*args: Any) -> None:
        await run_in_thread(DeviceSession.objects.update, revoked_at=1)
        await subscribe(*args)

    monkeypatch.setattr(snapshot, "subscribe", revoke_then_subscribe)
    assert await refused(await run_in_thread(seed_token, cast.member))


async def test_the_socket_opens_when_it_hears_and_not_before(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These clients know no `ready`: whatever is sent after the handshake must reach them."""
    go_on = asyncio.Event()
    ready_frame = snapshot.ready_frame

    async def wait(*args: Any) -> str:
        await go_on.wait()
        return await ready_frame(*args)

    communicator = communicator_of(await run_in_thread(seed_token, cast.member))
    async with seed_socket(cast.owner) as owner:
        monkeypatch.setattr(snapshot, "ready_frame", wait)
        await communicator.send_input({"type": "websocket.connect"})
        assert await communicator.receive_nothing(timeout=0.15)
        await owner.say("too early for you", cast.room)
        await owner.hear()
        go_on.set()
        accepted = await communicator.receive_output(5)
        assert (accepted["type"], accepted.get("subprotocol")) == ("websocket.accept", None)
        await owner.say("hello", cast.room)
        assert await communicator.receive_from(5) == "hello"
        await communicator.disconnect()


async def test_silence_is_allowed(cast: Cast) -> None:
    async with seed_socket(cast.owner) as owner, seed_socket(cast.member) as member:
        sweep.close_silent(time.monotonic() + 10 * sweep.SILENCE_S)
        await owner.say("still there?", cast.room)
        assert await member.hear() == "still there?"


async def test_when_the_token_expires_the_socket_ends(cast: Cast) -> None:
    async with seed_socket(cast.owner) as owner:
        thirty_days = now_ms() + 30 * 86_400_000
        sweep.close_expired(thirty_days - 60_000)
        await owner.say("still here", cast.room)
        assert await owner.hear() == "still here"
        sweep.close_expired(thirty_days)
        assert await owner.close_code() == 4401


# --- what it must not take ------------------------------------------------------------------

ROOM = "0" * 24  # stands for the test's room, where a valid frame would be stored
BAD_FRAMES = [
    "",
    "{{",
    "null",
    "7",
    "[]",
    "[" * 50_000,
    "{}",
    '{"message": "x"}',
    f'{{"room_identity": "{ROOM}"}}',
    f'{{"message": null, "room_identity": "{ROOM}"}}',
    f'{{"message": 7, "room_identity": "{ROOM}"}}',
    f'{{"message": ["x"], "room_identity": "{ROOM}"}}',
    f'{{"message": {{"$ne": ""}}, "room_identity": "{ROOM}"}}',
    f'{{"message": "\\ud800", "room_identity": "{ROOM}"}}',
    '{"message": "x", "room_identity": null}',
    '{"message": "x", "room_identity": 7}',
    '{"message": "x", "room_identity": {"$ne": ""}}',
    '{"message": "x", "room_identity": "../x"}',
    f'{{"message": "x", "room_identity": "{ROOM}\\n"}}',
    f'{{"message": "x", "room_identity": "{ROOM}"{" " * FRAME_BYTES}}}',
]


@pytest.mark.parametrize("text", BAD_FRAMES, ids=lambda text: text[:60])
async def test_a_bad_frame_gets_no_answer_and_the_socket_lives(cast: Cast, text: str) -> None:
    async with seed_socket(cast.owner) as owner:
        await owner.say_raw(text.replace(ROOM, cast.room.pk))
        await owner.say("hello", cast.room)
        assert await owner.hear() == "hello"
        assert await owner.silent()
    assert await collection("message_basic").count_documents({}) == 1


async def test_twenty_bad_frames_close_the_socket(cast: Cast) -> None:
    async with seed_socket(cast.owner) as owner:
        for _ in range(19):
            await owner.communicator.send_to(bytes_data=b"{}")
        await owner.say("still here", cast.room)
        assert await owner.hear() == "still here"
        await owner.say_raw("{{")
        assert await owner.close_code() == 4429


async def test_an_empty_text_is_sent_on(cast: Cast) -> None:
    async with seed_socket(cast.owner) as owner, seed_socket(cast.member) as member:
        await owner.say("", cast.room)
        assert await owner.hear() == await member.hear() == ""
    (stored,) = await collection("message_basic").find({}).to_list()
    assert (stored["data"], stored["kind"], stored["user_identity"]) == ("", "text", cast.owner.pk)


async def test_only_these_sockets_send_empty_texts(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        refused = await member.ask(
            "message.send", room_identity=cast.room.pk, client_id="c", data=""
        )
    assert refused["code"] == "bad_request"


@pytest.mark.parametrize("text", [" ", "\u200b", "a\x00b", "x" * 5_001])
async def test_what_is_no_message_is_not_stored(cast: Cast, text: str) -> None:
    async with seed_socket(cast.owner) as owner:
        await owner.say(text, cast.room)
        await owner.say("x" * 5_000, cast.room)
        assert await owner.hear() == "x" * 5_000
    assert await collection("message_basic").count_documents({}) == 1


async def test_fields_of_ours_are_ignored(cast: Cast) -> None:
    frame = {"message": "hello", "room_identity": cast.room.pk}
    more = {"type": "message.recall", "user_identity": cast.member.pk, "client_id": "c", "seq": 99}
    async with seed_socket(cast.owner) as owner:
        await owner.say_raw(json.dumps({**frame, **more}))
        assert await owner.hear() == "hello"
    (stored,) = await collection("message_basic").find({}).to_list()
    assert (stored["user_identity"], stored["seq"]) == (cast.owner.pk, 1)
    assert stored["client_id"] != "c"


# --- each message once ----------------------------------------------------------------------


async def test_a_message_announced_again_is_not_heard_again(cast: Cast) -> None:
    async with socket_of(cast.member) as member, seed_socket(cast.owner) as owner:
        await member.ask("message.send", room_identity=cast.room.pk, client_id="c", data="once")
        created = await member.hear()
        frame = json.dumps(created, separators=(",", ":"))
        for _ in range(2):
            current_hub().publish(Deliver(room_topic(cast.room.pk), frame, seq=1))
        await owner.say("next", cast.room)
        assert [await owner.hear(), await owner.hear()] == ["once", "next"]
    async with seed_socket(cast.owner) as owner:  # a new socket, which has never received it
        current_hub().publish(Deliver(room_topic(cast.room.pk), frame, seq=1))
        await owner.say("and on", cast.room)
        assert await owner.hear() == "and on"


def test_late_messages_are_heard_once() -> None:
    seen = Seen(3)
    heard = [seq for seq in [1, 3, 4, 4, 7, 6, 7, 5, 6, 5, 8, 1, 500, 499, 2] if seen.is_new(seq)]
    assert heard == [4, 7, 6, 5, 8, 500, 499]


async def test_who_does_not_read_is_cut_and_the_others_do_not_notice(cast: Cast) -> None:
    """A server that never takes a frame stands for a client that never reads."""
    sent: list[dict[str, Any]] = []
    stuck = asyncio.Event()
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "websocket.send":
            await stuck.wait()

    communicator = communicator_of(await run_in_thread(seed_token, cast.member))
    incoming.put_nowait({"type": "websocket.connect"})
    serving = asyncio.create_task(application(communicator.scope, incoming.get, send))  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        while not sent:
            await asyncio.sleep(0.01)
    (connection,) = current_hub().sockets_of(f"user:{cast.member.pk}")
    async with seed_socket(cast.owner) as owner:
        for _ in range(MAX_WAITING_BYTES // 5_000 + 2):
            await owner.say("x" * 5_000, cast.room)
            await owner.hear()
        assert connection.closing
        stuck.set()
        async with asyncio.timeout(5):
            while sent[-1]["type"] != "websocket.close":
                await asyncio.sleep(0.01)
    assert sent[-1]["code"] == 4413
    assert [message.get("text") for message in sent[1:-1]] == ["x" * 5_000]
    incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
    await serving
