"""Messages over REST: whole bodies in and out, both sides of every limit."""

from typing import Any

import pytest

from chat.models import Message
from imsystem.ids import new_identity
from imsystem.threads import run_in_thread
from rooms import services as rooms
from rooms.models import Member
from tests.api import NOT_FOUND, Api, bad_request, forbidden, invalid
from tests.chat.rest import (
    MINUTE,
    MUTED,
    NOON,
    TOO_LONG,
    WRITE_FIRST,
    at,
    fill,
    messages_of,
    send,
    stored,
)
from tests.conftest import Cast
from tests.sockets import socket_of

# --- sending --------------------------------------------------------------------------------


def test_a_message_is_201_and_again_200(cast: Cast) -> None:
    body = {"client_id": "c1", "data": "你好 <b>", "kind": "text"}
    with at(NOON):
        api = Api(cast.member)
        first = api.post(messages_of(cast), body)
    message = {
        "identity": Message.objects.get().pk,
        "room_identity": cast.room.pk,
        "user_identity": cast.member.pk,
        "seq": 1,
        "revision": 0,
        "client_id": "c1",
        "kind": "text",
        "data": "你好 <b>",
        "created_at": NOON,
        "updated_at": NOON,
        "edited_at": None,
        "recalled_at": None,
        "reply_to": None,
    }
    assert (first.status_code, first.json()) == (201, message | {"duplicate": False})
    again = Api(cast.member).post(messages_of(cast), body | {"data": "something else"})
    assert (again.status_code, again.json()) == (200, message | {"duplicate": True})
    assert Message.objects.count() == 1


async def test_rest_and_socket_know_each_others_client_ids(cast: Cast) -> None:
    api = await run_in_thread(Api, cast.member)
    async with socket_of(cast.member) as socket:
        sent = {"client_id": "c1", "data": "hello"}
        ack = await socket.ask("message.send", room_identity=cast.room.pk, **sent)
        answer = await run_in_thread(api.post, messages_of(cast), sent)
        assert (answer.status_code, answer.json()) == (200, ack["message"] | {"duplicate": True})

        sent = {"client_id": "c2", "data": "again"}
        answer = await run_in_thread(api.post, messages_of(cast), sent)
        ack = await socket.ask("message.send", room_identity=cast.room.pk, **sent)
        assert (answer.status_code, answer.json()) == (201, ack["message"] | {"duplicate": False})
        assert ack["duplicate"] is True
    assert await run_in_thread(Message.objects.count) == 2


async def test_what_rest_sends_reaches_sockets(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner:
        message = await run_in_thread(send, cast, cast.member)
        assert await owner.hear() == {
            "type": "message.created", "room_identity": cast.room.pk, "message": message,
        }  # fmt: skip


def test_a_reply_names_a_message_of_the_same_room(cast: Cast) -> None:
    first = send(cast, cast.owner)
    body = {"client_id": "c2", "data": "yes", "reply_to": first["identity"]}
    answer = Api(cast.member).post(messages_of(cast), body)
    assert (answer.status_code, answer.json()["reply_to"]) == (201, first["identity"])


def test_a_reply_to_anything_else_is_refused(cast: Cast) -> None:
    other = rooms.create_group(creator=cast.owner, name="other", members=[cast.member.pk])
    foreign = Api(cast.owner).post(f"rooms/{other.pk}/messages/", {"client_id": "c", "data": "x"})
    for reply_to in (foreign.json()["identity"], new_identity()):
        body = {"client_id": "c2", "data": "yes", "reply_to": reply_to}
        answer = Api(cast.member).post(messages_of(cast), body)
        assert answer.status_code == 400
        assert answer.json() == bad_request(
            reply_to=["There is no such message in this conversation."]
        )
    assert Message.objects.filter(room_identity=cast.room.pk).count() == 0


@pytest.mark.parametrize(
    "data",
    ["x", "x" * 5_000, "🎉" * 5_000, " leading and trailing \n", "\u202egpj.exe", "{{7*7}}"],
    ids=ascii,
)
def test_texts_are_stored_as_they_come(cast: Cast, data: str) -> None:
    assert send(cast, cast.member, data=data)["data"] == data
    assert Message.objects.get().data == data


@pytest.mark.parametrize(
    ("data", "status", "error"),
    [
        ("", 400, WRITE_FIRST),
        (" \n\u200b", 400, WRITE_FIRST),
        ("x" * 5_001, 413, TOO_LONG),
        (None, 400, invalid(data=["This field may not be null."])),
        (7, 400, invalid(data=["Not a valid string."])),
        (["x"], 400, invalid(data=["Not a valid string."])),
        ({"$ne": None}, 400, invalid(data=["Not a valid string."])),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_bad_texts_store_nothing(cast: Cast, data: Any, status: int, error: Any) -> None:
    answer = Api(cast.member).post(messages_of(cast), {"client_id": "c1", "data": data})
    assert (answer.status_code, answer.json()) == (status, error)
    assert not Message.objects.exists()


@pytest.mark.parametrize("client_id", ["c", "x" * 64, "!~#/'\"<>"])
def test_good_client_ids(cast: Cast, client_id: str) -> None:
    assert send(cast, cast.member, client_id=client_id)["client_id"] == client_id


BAD_CLIENT_ID = bad_request(client_id=["Use 1 to 64 ASCII letters, digits or symbols."])
NO_STRING = invalid(client_id=["Not a valid string."])


@pytest.mark.parametrize(
    ("client_id", "error"),
    [
        ("", BAD_CLIENT_ID),
        ("x" * 65, BAD_CLIENT_ID),
        ("a b", BAD_CLIENT_ID),
        (" a", BAD_CLIENT_ID),
        ("a\n", BAD_CLIENT_ID),
        ("é", BAD_CLIENT_ID),
        (7, NO_STRING),
        (True, NO_STRING),
        (["a"], NO_STRING),
        ({"$gt": ""}, NO_STRING),
        (None, invalid(client_id=["This field may not be null."])),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_bad_client_ids_store_nothing(cast: Cast, client_id: Any, error: Any) -> None:
    answer = Api(cast.member).post(messages_of(cast), {"client_id": client_id, "data": "x"})
    assert (answer.status_code, answer.json()) == (400, error)
    assert not Message.objects.exists()


@pytest.mark.parametrize("kind", ["system", "void", "image", "", "TEXT"])
def test_other_kinds_cannot_be_sent(cast: Cast, kind: str) -> None:
    body = {"client_id": "c1", "data": "x", "kind": kind}
    assert Api(cast.member).post(messages_of(cast), body).status_code == 400
    assert not Message.objects.exists()


def test_what_the_server_decides_cannot_be_sent(cast: Cast) -> None:
    forged = {
        "identity": "0" * 24, "user_identity": cast.owner.pk, "seq": 99, "revision": 9,
        "created_at": 1, "recalled_at": 1, "_id": "0" * 24, "sender": cast.owner.pk,
    }  # fmt: skip
    body = {"client_id": "c1", "data": "x", **forged}
    message = Api(cast.member).post(messages_of(cast), body).json()
    expected = {"user_identity": cast.member.pk, "seq": 1, "revision": 0, "recalled_at": None}
    assert {name: message[name] for name in expected} == expected
    assert message["identity"] != "0" * 24


def test_a_muted_member_does_not_send(cast: Cast) -> None:
    answer = Api(cast.muted).post(messages_of(cast), {"client_id": "c1", "data": "x"})
    assert (answer.status_code, answer.json()) == (403, MUTED)
    assert not Message.objects.exists()


# --- edit and recall ------------------------------------------------------------------------


def test_an_edit_is_whole_and_takes_a_revision(cast: Cast) -> None:
    with at(NOON):
        message = send(cast, cast.member)
    with at(NOON + MINUTE):
        answer = Api(cast.member).patch(f"messages/{message['identity']}/", {"data": "bye"})
    change = {
        "data": "bye", "revision": 1,
        "updated_at": NOON + MINUTE, "edited_at": NOON + MINUTE,
    }  # fmt: skip
    assert (answer.status_code, answer.json()) == (200, message | change)
    page = Api(cast.member).get(messages_of(cast)).json()
    assert (page["messages"], page["revision"]) == ([message | change], 1)


def test_the_same_text_is_no_change(cast: Cast) -> None:
    message = send(cast, cast.member)
    answer = Api(cast.member).patch(f"messages/{message['identity']}/", {"data": "hello"})
    assert (answer.status_code, answer.json()) == (200, message)


def test_a_recall_is_whole_and_twice_is_no_error(cast: Cast) -> None:
    with at(NOON):
        message = send(cast, cast.member)
    with at(NOON + MINUTE):
        api = Api(cast.member)
        answers = [api.delete(f"messages/{message['identity']}/") for _ in range(2)]
    change = {
        "data": "", "revision": 1, "updated_at": NOON + MINUTE, "recalled_at": NOON + MINUTE,
    }  # fmt: skip
    expected = (200, message | change)
    assert [(answer.status_code, answer.json()) for answer in answers] == [expected, expected]


@pytest.mark.parametrize(
    ("method", "body", "window", "detail"),
    [
        ("PATCH", {"data": "x"}, 15 * MINUTE, "This message is too old to edit."),
        ("DELETE", None, 2 * MINUTE, "This message is too old to unsend."),
    ],
)
def test_both_sides_of_a_window(
    cast: Cast, method: str, body: Any, window: int, detail: str
) -> None:
    with at(NOON):
        early, late = (send(cast, cast.member, f"c{number}") for number in range(2))
    with at(NOON + window):
        answer = Api(cast.member).call(method, f"messages/{early['identity']}/", body)
        assert answer.status_code == 200
    with at(NOON + window + 1):
        before = stored(cast)
        answer = Api(cast.member).call(method, f"messages/{late['identity']}/", body)
    assert (answer.status_code, answer.json()) == (403, forbidden(detail))
    assert stored(cast) == before


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"data": "x"}), ("DELETE", None)])
def test_the_operator_sets_the_windows(cast: Cast, settings: Any, method: str, body: Any) -> None:
    settings.EDIT_WINDOW_S = settings.RECALL_WINDOW_S = 5
    with at(NOON):
        message = send(cast, cast.member)
    path = f"messages/{message['identity']}/"
    with at(NOON + 5_001):
        assert Api(cast.member).call(method, path, body).status_code == 403
    with at(NOON + 5_000):
        assert Api(cast.member).call(method, path, body).status_code == 200


def test_owner_and_admins_recall_at_any_time(cast: Cast) -> None:
    with at(NOON):
        first, second = (send(cast, cast.member, f"c{number}") for number in range(2))
    with at(NOON + 30 * 24 * 60 * MINUTE):
        for user, message in ((cast.admin, first), (cast.owner, second)):
            for _again in range(2):
                answer = Api(user).delete(f"messages/{message['identity']}/")
                assert (answer.status_code, answer.json()["data"]) == (200, "")


def test_a_recalled_message_is_not_edited(cast: Cast) -> None:
    message = send(cast, cast.member)
    api, where = Api(cast.member), f"messages/{message['identity']}/"
    api.delete(where)
    before = stored(cast)
    answer = api.patch(where, {"data": "back"})
    assert (answer.status_code, answer.json()) == (403, forbidden("This message was unsent."))
    assert stored(cast) == before


def test_each_change_takes_the_next_revision(cast: Cast) -> None:
    identities = [send(cast, cast.member, f"c{number}")["identity"] for number in range(3)]
    api = Api(cast.member)
    changed = [api.patch(f"messages/{identity}/", {"data": "x"}) for identity in identities]
    changed.append(api.patch(f"messages/{identities[0]}/", {"data": "y"}))
    assert [answer.json()["revision"] for answer in changed] == [1, 2, 3, 4]


# --- reading --------------------------------------------------------------------------------


def test_reading_goes_forward_to_the_head_at_most(cast: Cast) -> None:
    fill(cast, 3)
    api, where = Api(cast.member), f"rooms/{cast.room.pk}/read/"
    for seq, position in ((2, 2), (1, 2), (0, 2), (2**53 - 1, 3)):
        answer = api.post(where, {"seq": seq})
        expected = {"room_identity": cast.room.pk, "seq": position}
        assert (answer.status_code, answer.json()) == (200, expected)
    member = Member.objects.get(room=cast.room, user=cast.member)
    assert member.message_identity == Message.objects.get(seq=3).pk


@pytest.mark.parametrize("seq", [-1, 2**53, 1.5, "1", True, None, [1], {"$gt": 0}, "１"])
def test_bad_positions_move_nothing(cast: Cast, seq: Any) -> None:
    fill(cast, 2)
    before = stored(cast)
    answer = Api(cast.member).post(f"rooms/{cast.room.pk}/read/", {"seq": seq})
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["seq"]
    assert stored(cast) == before


# --- strangers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "part", "body"),
    [
        ("GET", "rooms/{room}/messages/", None),
        ("POST", "rooms/{room}/messages/", {"client_id": "c", "data": "x"}),
        ("POST", "rooms/{room}/read/", {"seq": 1}),
        ("PATCH", "messages/{message}/", {"data": "x"}),
        ("DELETE", "messages/{message}/", None),
    ],
)
def test_strangers_get_what_absent_things_give(
    cast: Cast, method: str, part: str, body: Any
) -> None:
    message = send(cast, cast.member)["identity"]
    before = stored(cast)
    api = Api(cast.outsider)
    for room, identity in ((cast.room.pk, message), ("0" * 24, "1" * 24), ("$ne", "A" * 24)):
        answer = api.call(method, part.format(room=room, message=identity), body)
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert stored(cast) == before
