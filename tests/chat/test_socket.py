"""The socket, whole frames in and out, over real databases."""

import asyncio
import json
from typing import Any

import pytest

from accounts.models import DeviceSession, User
from accounts.services import revoke_all
from chat import announcer, consumer, snapshot
from chat.journal import Journal
from chat.snapshot import HEARTBEAT_S
from imsystem.mongo.clients import collection
from imsystem.threads import run_in_thread
from rooms import services as rooms
from rooms.choices import Role
from tests.api import initial
from tests.conftest import Cast
from tests.sockets import Socket, communicator_of, socket_of, token_of

ANY: Any = pytest.approx(0, abs=float("inf"))  # any number


async def say_hello(socket: Socket, cast: Cast, client_id: str = "c1") -> dict[str, Any]:
    return await socket.ask(
        "message.send", room_identity=cast.room.pk, client_id=client_id, data="hello"
    )


async def test_ready_is_first_and_complete(cast: Cast) -> None:
    async with socket_of(cast.member) as socket:
        assert socket.ready == {
            "type": "ready",
            "user": {
                "identity": cast.member.pk,
                "account": cast.member.account,
                "nickname": "Member",
                "sex": 0,
                "avatar": initial(cast.member.pk, "Member"),
                "created_at": cast.member.created_at,
                "email": cast.member.email,
                "who_may_add": "everyone",
                "who_sees_online": "everyone",
                "read_receipts": True,
            },
            "connection_id": socket.ready["connection_id"],
            "expires_at": ANY,
            "heartbeat": HEARTBEAT_S,
            "rooms": [
                {
                    "identity": cast.room.pk,
                    "number": cast.room.number,
                    "name": "Kitchen",
                    "info": "",
                    "avatar": initial(cast.room.pk, "Kitchen"),
                    "kind": "group",
                    "user_identity": cast.owner.pk,
                    "role": "member",
                    "last_seq": 0,
                    "revision": 0,
                    "read_seq": 0,
                    "unread": 0,
                    "last_message": None,
                    "created_at": cast.room.created_at,
                    "updated_at": ANY,
                }
            ],
        }


async def test_a_message_is_acked_then_delivered_to_all_sockets_of_the_room(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.member) as member:
        await owner.say(
            type="message.send", id="7", room_identity=cast.room.pk, client_id="c1", data="你好"
        )
        ack = await owner.hear()
        message = ack["message"]
        assert ack == {"type": "ack", "id": "7", "duplicate": False, "message": message}
        assert message == {
            "identity": message["identity"],
            "room_identity": cast.room.pk,
            "user_identity": cast.owner.pk,
            "seq": 1,
            "revision": 0,
            "client_id": "c1",
            "kind": "text",
            "data": "你好",
            "created_at": ANY,
            "updated_at": message["created_at"],
            "edited_at": None,
            "recalled_at": None,
            "reply_to": None,
        }
        created = {"type": "message.created", "room_identity": cast.room.pk, "message": message}
        assert await owner.hear() == created
        assert await member.hear() == created


async def test_a_stored_message_is_in_the_database_before_its_ack(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner:
        ack = await say_hello(owner, cast)
        row = await collection("message_basic").find_one({"_id": ack["message"]["identity"]})
        assert row is not None
        assert row["data"] == "hello"


async def test_sending_again_is_acked_as_a_duplicate_and_not_delivered_again(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.member) as member:
        first = await say_hello(owner, cast)
        again = await say_hello(owner, cast)
        assert again == first | {"duplicate": True}
        assert (await member.hear())["type"] == "message.created"
        assert await member.silent()


async def test_outsiders_neither_hear_nor_send(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.outsider) as outsider:
        await say_hello(owner, cast)
        assert await outsider.silent()
        assert await say_hello(outsider, cast) == {
            "type": "error", "id": "x", "code": "not_found", "detail": "Not found.",
        }  # fmt: skip


@pytest.mark.parametrize("kind", ["message.edit", "message.recall", "room.read", "typing", "sync"])
async def test_strangers_learn_nothing_from_any_command(cast: Cast, kind: str) -> None:
    """A foreign room or message gives exactly what an absent one gives."""
    async with socket_of(cast.owner) as owner, socket_of(cast.outsider) as outsider:
        message = (await say_hello(owner, cast))["message"]
        answers = []
        for room, identity in ((cast.room.pk, message["identity"]), ("0" * 24, "1" * 24)):
            fields = {
                "message.edit": {"message_identity": identity, "data": "x"},
                "message.recall": {"message_identity": identity},
                "room.read": {"room_identity": room, "seq": 1},
                "typing": {"room_identity": room},
                "sync": {"rooms": {room: {"seq": 0, "revision": 0}}},
            }[kind]
            await outsider.say(type=kind, id="x", **fields)
            answers.append(json.dumps(await outsider.hear()).replace(room, "ROOM"))
        assert answers[0] == answers[1]
        assert "hello" not in answers[0]


async def test_a_muted_member_reads_but_does_not_send(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.muted) as muted:
        await say_hello(owner, cast)
        assert (await muted.hear())["type"] == "message.created"
        assert (await say_hello(muted, cast))["code"] == "muted"
        answer = await muted.ask("room.read", room_identity=cast.room.pk, seq=1)
        assert answer == {"type": "ack", "id": "x", "room_identity": cast.room.pk, "seq": 1}


async def test_an_edit_reaches_those_here_and_those_who_were_away(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.member) as member:
        message = (await say_hello(owner, cast))["message"]
        await member.hear_until("message.created")
        edited = await owner.ask(
            "message.edit", message_identity=message["identity"], data="hello!"
        )
        assert edited["message"] == message | {
            "data": "hello!", "revision": 1, "edited_at": ANY, "updated_at": ANY,
        }  # fmt: skip
        assert await member.hear() == {
            "type": "message.updated",
            "room_identity": cast.room.pk,
            "message": edited["message"],
        }
        delta = await member.ask("sync", rooms={cast.room.pk: {"seq": 1, "revision": 0}})
        assert delta["rooms"] == {
            cast.room.pk: {
                "messages": [],
                "changed": [edited["message"]],
                "last_seq": 1,
                "revision": 1,
                "complete_to": 1,
                "has_more": False,
            }
        }


async def test_a_recall_deletes_the_text_everywhere(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.member) as member:
        message = (await say_hello(member, cast))["message"]
        answer = await owner.ask("message.recall", message_identity=message["identity"])
        assert (answer["message"]["data"], answer["message"]["revision"]) == ("", 1)
        assert (await member.hear_until("message.updated"))["message"] == answer["message"]
        row = await collection("message_basic").find_one({"_id": message["identity"]})
        assert row is not None
        assert row["data"] == ""


async def test_members_do_not_change_each_others_messages(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.member) as member:
        identity = (await say_hello(owner, cast))["message"]["identity"]
        edit = await member.ask("message.edit", message_identity=identity, data="x")
        recall = await member.ask("message.recall", message_identity=identity)
        assert (edit["code"], recall["code"]) == ("forbidden", "forbidden")


async def test_reading_moves_forward_only_and_tells_the_room(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.member) as member:
        for number in range(3):
            await say_hello(owner, cast, f"c{number}")
        room = cast.room.pk
        assert (await member.ask("room.read", room_identity=room, seq=2))["seq"] == 2
        assert await owner.hear_until("room.read") == {
            "type": "room.read", "room_identity": room, "user_identity": cast.member.pk, "seq": 2,
        }  # fmt: skip
        assert (await member.ask("room.read", room_identity=room, seq=1))["seq"] == 2
        assert (await member.ask("room.read", room_identity=room, seq=10**12))["seq"] == 3
    async with socket_of(cast.member) as member:
        (seen,) = member.ready["rooms"]
        assert (seen["last_seq"], seen["read_seq"], seen["unread"]) == (3, 3, 0)


async def test_typing_reaches_the_others_only(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.member) as member:
        await owner.say(type="typing", room_identity=cast.room.pk)
        assert await member.hear() == {
            "type": "typing", "room_identity": cast.room.pk, "user_identity": cast.owner.pk,
        }  # fmt: skip
        assert await owner.silent()


async def test_sync_pages_until_everything_is_there(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner:
        for number in range(250):
            await owner.say(
                type="message.send", id="x", room_identity=cast.room.pk,
                client_id=f"c{number}", data="m",
            )  # fmt: skip
        for _ in range(500):
            await owner.hear()
        seq, seqs, more = 0, [], True
        while more:
            answer = await owner.ask("sync", rooms={cast.room.pk: {"seq": seq, "revision": 0}})
            delta = answer["rooms"][cast.room.pk]
            seqs += [message["seq"] for message in delta["messages"]]
            seq, more = delta["complete_to"], delta["has_more"]
        assert seqs == list(range(1, 251))


async def test_sync_lists_rooms_one_is_not_in(cast: Cast) -> None:
    async with socket_of(cast.outsider) as outsider:
        answer = await outsider.ask("sync", rooms={cast.room.pk: {"seq": 0}})
        assert answer == {"type": "ack", "id": "x", "rooms": {}, "removed": [cast.room.pk]}


async def test_a_new_member_hears_at_once_and_a_kicked_one_no_more(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.outsider) as outsider:
        change = {"user": cast.owner, "room_identity": cast.room.pk}
        await run_in_thread(rooms.add_member, **change, peer_identity=cast.outsider.pk)
        added = await outsider.hear()
        assert (added["type"], added["room"]["identity"]) == ("room.added", cast.room.pk)
        await say_hello(owner, cast, "c1")
        assert (await outsider.hear())["message"]["data"] == "hello"

        await run_in_thread(rooms.remove_member, **change, peer_identity=cast.outsider.pk)
        assert await outsider.hear() == {
            "type": "room.removed", "room_identity": cast.room.pk, "reason": "kicked",
        }  # fmt: skip
        await say_hello(owner, cast, "c2")
        assert await outsider.silent()
        assert (await say_hello(outsider, cast))["code"] == "not_found"


async def test_a_mute_takes_effect_on_the_next_message(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        assert (await say_hello(member, cast, "c1"))["type"] == "ack"
        await run_in_thread(
            rooms.change_member, user=cast.admin, room_identity=cast.room.pk,
            peer_identity=cast.member.pk, muted_until=2**50,
        )  # fmt: skip
        assert (await say_hello(member, cast, "c2"))["code"] == "muted"


async def test_a_new_role_takes_effect_on_the_next_command(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.member) as member:
        identity = (await say_hello(owner, cast))["message"]["identity"]
        assert (await member.ask("message.recall", message_identity=identity))[
            "code"
        ] == "forbidden"
        await run_in_thread(
            rooms.change_member, user=cast.owner, room_identity=cast.room.pk,
            peer_identity=cast.member.pk, role=Role.ADMIN,
        )  # fmt: skip
        assert (await member.ask("message.recall", message_identity=identity))["type"] == "ack"


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
        (watched,) = announcer._watched()
        announcer.close_silent(watched.last_heard + announcer.SILENCE_S)
        assert (await silent.ask("ping"))["type"] == "ack"
        announcer.close_silent(watched.last_heard + announcer.SILENCE_S + 0.001)
        assert await silent.close_code() == 4408


async def test_the_sweep_tells_heads_and_mends_what_was_not_announced(cast: Cast) -> None:
    """Changes that go past the services stand for announcements that were lost on the way."""
    heads_too = socket_of(cast.member, hints=["room.heads"])
    async with socket_of(cast.owner) as owner, heads_too as member:
        await say_hello(owner, cast)
        await member.hear_until("message.created")
        await announcer.sweep()
        heads = {cast.room.pk: {"seq": 1, "revision": 0}}
        assert await member.hear() == {"type": "room.heads", "rooms": heads}

        await collection("user_room").delete_one({"user_identity": cast.member.pk})
        await announcer.sweep()
        removed = await member.hear_until("room.removed")
        assert removed == {
            "type": "room.removed", "room_identity": cast.room.pk, "reason": "removed",
        }  # fmt: skip


async def test_the_sweep_closes_sockets_whose_device_was_revoked_unheard(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        await run_in_thread(_revoke_silently, cast.member)
        await announcer.sweep()
        assert await member.close_code() == 4401


def _revoke_silently(user: User) -> None:
    DeviceSession.objects.filter(user_id=user.pk).update(revoked_at=1)


async def test_a_failing_command_is_told_as_internal_and_hurts_nobody(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(**_fields: Any) -> None:
        raise ZeroDivisionError("a secret of ours")

    monkeypatch.setattr("chat.services.mark_read", fail)
    async with socket_of(cast.member) as member:
        error = await member.ask("room.read", room_identity=cast.room.pk, seq=1)
        assert error["code"] == "internal"
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
    """Also when the first has to look up the membership and the others find it cached."""
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
