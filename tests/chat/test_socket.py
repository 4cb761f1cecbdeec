"""The socket, whole frames in and out, over real databases."""

import json
from contextlib import AsyncExitStack
from typing import Any

import pytest

from chat import inbox
from imsystem.client_limits import HEARTBEAT_S
from imsystem.mongo.clients import collection
from imsystem.threads import run_in_thread
from rooms import services as rooms
from rooms.choices import Role
from tests.api import initial
from tests.conftest import Cast
from tests.sockets import say_hello, socket_of

ANY: Any = pytest.approx(0, abs=float("inf"))  # any number


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
                "language": cast.member.language,
            },
            "connection_id": socket.ready["connection_id"],
            "expires_at": ANY,
            "heartbeat": HEARTBEAT_S,
            "server_time": ANY,
            "rooms": [
                {
                    "identity": cast.room.pk,
                    "number": cast.room.number,
                    "name": "Kitchen",
                    "info": "",
                    "avatar": initial(cast.room.pk, "Kitchen"),
                    "kind": "group",
                    "join_rule": "open",
                    "history": "all",
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
    """A room or message of others gives exactly what a missing one gives."""
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


async def test_typing_counts_over_all_devices_of_a_user(cast: Cast) -> None:
    """Ten at once for the user, not for each socket: 45 sockets sent 9,453 frames a second."""
    async with AsyncExitStack() as stack:
        mine = [await stack.enter_async_context(socket_of(cast.owner)) for _ in range(4)]
        member = await stack.enter_async_context(socket_of(cast.member))
        for socket in mine:
            for _ in range(5):
                await socket.say(type="typing", room_identity=cast.room.pk)
            await socket.ask("ping")
        await say_hello(mine[0], cast)
        heard = [(await member.hear())["type"] for _ in range(11)]
    assert heard == ["typing"] * 10 + ["message.created"]


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
        await run_in_thread(rooms.add_member, inbox=inbox, **change, peer_identity=cast.outsider.pk)
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
