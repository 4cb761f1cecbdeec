"""The life of a socket: bad frames, its end, sweeps, and commands that fail or hang."""

import asyncio
import json
from typing import Any

import pytest

from accounts.models import DeviceSession, User
from accounts.services import revoke_all
from chat import consumer, snapshot, sweep
from chat.journal import Journal
from imsystem.env import Rate
from imsystem.mongo.clients import collection
from imsystem.ops.logs import JsonFormatter
from imsystem.realtime.admission import current_admission
from imsystem.realtime.buckets import Buckets
from imsystem.realtime.sockets import watched
from imsystem.threads import run_in_thread
from tests.conftest import Cast
from tests.sockets import communicator_of, say_hello, socket_of, token_of

ANY: Any = pytest.approx(0, abs=float("inf"))  # any number


@pytest.mark.parametrize(
    ("text", "code"),
    [("{{", "bad_frame"), ("[]", "bad_frame"), ('{"type": "x"}', "unknown_type"),
     ('{"type": "ping"}', "bad_request")],
)  # fmt: skip
async def test_a_bad_frame_gets_one_error_and_the_socket_lives(
    cast: Cast, text: str, code: str
) -> None:
    async with socket_of(cast.member) as member:
        await member.say_raw(text)
        assert (await member.hear())["code"] == code
        assert await member.ask("ping") == {"type": "ack", "id": "x"}


async def test_handshakes_of_a_64_are_one_source_s(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current_admission(), "_connects_of_ip", Buckets(Rate(3, 60)))
    token = await run_in_thread(token_of, cast.member)

    async def connects(host: str) -> bool:
        communicator = communicator_of(token)
        communicator.scope["client"] = (host, 4_000)
        connected, _subprotocol = await communicator.connect(timeout=5)
        await communicator.disconnect()
        return connected

    hosts = [f"2001:db8:1:2::{number:x}" for number in range(4)]
    assert [await connects(host) for host in hosts] == [True, True, True, False]
    assert await connects("2001:db8:1:3::1")


async def test_a_binary_frame_is_a_bad_frame(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        await member.communicator.send_to(bytes_data=b"{}")
        assert (await member.hear())["code"] == "bad_frame"


async def test_twenty_bad_frames_close_the_socket(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        for _ in range(20):
            await member.say_raw("{{")
        assert await member.close_code() == 4429


async def test_an_error_is_told_in_the_language_of_the_handshake(cast: Cast) -> None:
    token = await run_in_thread(token_of, cast.member)
    communicator = communicator_of(token, **{"accept-language": "zh-CN,zh;q=0.9"})
    await communicator.connect()
    await communicator.receive_from(5)
    await communicator.send_to(text_data='{"type": "nonsense"}')
    error = json.loads(await communicator.receive_from(5))
    assert error["code"] == "unknown_type"
    assert not error["detail"].isascii()
    await communicator.disconnect()


@pytest.mark.parametrize("token", [None, "", "nonsense", "a.b.c"])
async def test_without_a_valid_token_the_socket_is_closed_with_4401(token: str | None) -> None:
    communicator = communicator_of(token)
    await communicator.connect()
    assert await communicator.receive_output(5) == {"type": "websocket.close", "code": 4401}
    await communicator.wait()


async def test_revoking_the_device_closes_its_socket_only(cast: Cast) -> None:
    async with socket_of(cast.member) as revoked, socket_of(cast.owner) as other:
        await run_in_thread(revoke_all, user=cast.member)
        assert await revoked.close_code() == 4401
        assert (await other.ask("ping"))["type"] == "ack"


async def test_what_a_closed_socket_still_says_is_not_listened_to(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        await run_in_thread(revoke_all, user=cast.member)
        await member.say(
            type="message.send", id="1", room_identity=cast.room.pk, client_id="late", data="x"
        )
        assert await member.close_code() == 4401
    assert await collection("message_basic").count_documents({"client_id": "late"}) == 0


async def test_a_silent_socket_is_closed_with_4408(cast: Cast) -> None:
    async with socket_of(cast.member) as silent:
        (socket,) = watched()
        sweep.close_silent(socket.last_heard + sweep.SILENCE_S)
        assert (await silent.ask("ping"))["type"] == "ack"
        sweep.close_silent(socket.last_heard + sweep.SILENCE_S + 0.001)
        assert await silent.close_code() == 4408


async def test_the_sweep_tells_heads_and_mends_what_was_not_announced(cast: Cast) -> None:
    """Changes that bypass the services stand for announcements that were lost on the way."""
    heads_too = socket_of(cast.member, hints=["room.heads"])
    async with socket_of(cast.owner) as owner, heads_too as member:
        await say_hello(owner, cast)
        await member.hear_until("message.created")
        await sweep.sweep()
        heads = {cast.room.pk: {"seq": 1, "revision": 0}}
        assert await member.hear() == {"type": "room.heads", "rooms": heads}

        await collection("user_room").delete_one({"user_identity": cast.member.pk})
        await sweep.sweep()
        removed = await member.hear_until("room.removed")
        assert removed == {
            "type": "room.removed", "room_identity": cast.room.pk, "reason": "removed",
        }  # fmt: skip


async def test_the_sweep_closes_sockets_whose_device_was_revoked_unheard(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        await run_in_thread(_revoke_silently, cast.member)
        await sweep.sweep()
        assert await member.close_code() == 4401


def _revoke_silently(user: User) -> None:
    DeviceSession.objects.filter(user_id=user.pk).update(revoked_at=1)


async def test_a_failing_command_is_told_as_internal_and_hurts_nobody(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(**_fields: Any) -> None:
        raise ZeroDivisionError("a secret of ours")

    monkeypatch.setattr("chat.services.mark_read", fail)
    caplog.handler.setFormatter(JsonFormatter())
    async with socket_of(cast.member) as member:
        error = await member.ask("room.read", room_identity=cast.room.pk, seq=1)
        assert error["code"] == "internal"
        [line] = [told for told in caplog.text.splitlines() if "a command failed" in told]
        assert json.loads(line)["connection_id"] == member.ready["connection_id"]
        assert "secret" not in json.dumps(error)
        assert (await member.ask("ping"))["type"] == "ack"
    assert "a secret of ours" in caplog.text


async def test_a_device_revoked_during_the_handshake_gets_no_ready(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe = snapshot.subscribe

    async def revoke_then_subscribe(*args: Any) -> None:
        await run_in_thread(_revoke_silently, cast.member)
        await subscribe(*args)

    monkeypatch.setattr(snapshot, "subscribe", revoke_then_subscribe)
    communicator = communicator_of(await run_in_thread(token_of, cast.member))
    await communicator.connect()
    assert await communicator.receive_output(5) == {"type": "websocket.close", "code": 4401}
    await communicator.disconnect()


async def test_sending_a_recalled_message_again_does_not_bring_its_text_back(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner:
        message = (await say_hello(owner, cast))["message"]
        recalled = await owner.ask("message.recall", message_identity=message["identity"])
        again = await say_hello(owner, cast)
        assert (again["duplicate"], again["message"]) == (True, recalled["message"])


async def test_a_hanging_database_delays_only_its_own_command(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(**_fields: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(consumer, "ANSWER_WITHIN_S", 0.2)
    monkeypatch.setattr("chat.services.mark_read", hang)
    async with socket_of(cast.member) as member:
        await member.say(type="room.read", id="1", room_identity=cast.room.pk, seq=1)
        await member.say(type="ping", id="2")
        assert await member.hear() == {"type": "ack", "id": "2"}
        late = await member.hear()
        assert (late["id"], late["code"], late["retry_after"]) == ("1", "unavailable", 2)


async def test_messages_sent_without_waiting_keep_their_order(cast: Cast) -> None:
    """Also when the first has to look up the membership and the others find it in the cache."""
    async with socket_of(cast.member) as member:
        for number in range(30):
            await member.say(
                type="message.send", id=str(number), room_identity=cast.room.pk,
                client_id=f"c{number}", data="m",
            )  # fmt: skip
        frames = [await member.hear() for _ in range(60)]
    acks = [frame for frame in frames if frame["type"] == "ack"]
    assert [ack["message"]["client_id"] for ack in acks] == [f"c{n}" for n in range(30)]
    assert [ack["message"]["seq"] for ack in acks] == list(range(1, 31))


async def test_a_sender_that_gave_up_finds_the_message_at_the_next_try(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()
    number = Journal._number

    async def wait_first(self: Journal, batch: Any) -> None:
        await go_on.wait()
        await number(self, batch)

    monkeypatch.setattr(consumer, "ANSWER_WITHIN_S", 0.2)
    monkeypatch.setattr(Journal, "_number", wait_first)
    async with socket_of(cast.member) as member:
        assert (await say_hello(member, cast))["code"] == "unavailable"
        go_on.set()
        assert (await member.hear())["message"]["seq"] == 1
        again = await say_hello(member, cast)
        assert (again["message"]["seq"], again["duplicate"]) == (1, True)
