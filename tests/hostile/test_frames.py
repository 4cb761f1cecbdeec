"""Frames that are JSON, or nearly (1-10, 19, 21-30): one error, and the socket goes on.

Eve sends them: she is in the kitchen, and may. `@kitchen` stands for its identity (scene.py).
"""

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.hostile.scene import Scene, case

Fields = dict[str, Any]


def send(**changes: Any) -> Fields:
    good = {"type": "message.send", "id": "7", "room_identity": "@kitchen", "client_id": "c",
            "data": "x"}  # fmt: skip
    return {name: value for name, value in (good | changes).items() if value is not Ellipsis}


def read(**changes: Any) -> Fields:
    return {"type": "room.read", "id": "7", "room_identity": "@kitchen", "seq": 1} | changes


def edit(**changes: Any) -> Fields:
    good = {"type": "message.edit", "id": "7", "message_identity": "@own", "data": "x"}
    return good | changes


def recall(identity: Any) -> Fields:
    return {"type": "message.recall", "id": "7", "message_identity": identity}


def sync(rooms: Any) -> Fields:
    return {"type": "sync", "id": "7", "rooms": rooms}


DEEP = '{"type":"ping","id":"7","a":'
NO_JSON = [
    case(1, "brackets", "{{"),
    case(1, "text", "hello"),
    case(1, "two-objects", '{"type":"ping","id":"7"}{"type":"ping","id":"8"}'),
    case(1, "single-quotes", "{'type':'ping'}"),
    case(1, "comment", '{"type":"ping",/* */"id":"7"}'),
    case(1, "comma", '{"type":"ping","id":"7",}'),
    case(1, "byte-order-mark", '\ufeff{"type":"ping","id":"7"}'),
    case(1, "half", '{"type":"ping","id":"7"'),
    case(2, "empty", ""),
    case(2, "blank", " \n"),
    case(3, "number", "1"),
    case(3, "null", "null"),
    case(3, "true", "true"),
    case(3, "string", '"ping"'),
    case(3, "array", '[{"type":"ping","id":"7"}]'),
    case(4, "arrays", "[" * 60_000),
    case(4, "objects", '{"a":' * 12_000),
    case(4, "closed", DEEP + "[" * 30_000 + "]" * 30_000 + "}"),
    case(6, "nan", '{"type":"ping","id":NaN}'),
    case(6, "infinity", '{"type":"ping","id":Infinity}'),
    case(6, "minus-infinity", '{"type":"ping","id":-Infinity}'),
    case(8, "lone-surrogate", '{"type":"ping","id":"\\ud800"}'),
    case(8, "in-a-message", json.dumps(send()).replace('"x"', '"\\udfff"')),
    case(8, "reversed-pair", json.dumps(send()).replace('"x"', '"\\ude00\\ud83d"')),
    case(9, "raw-nul", '{"type":"ping","id":"a\x00"}'),
    case(10, "binary", b'{"type":"ping","id":"7"}'),
    case(10, "empty-binary", b""),
]


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize("text", NO_JSON)
def test_no_json_object(scene: Scene, text: str | bytes) -> None:
    with scene.eves() as socket:
        answer = scene.ask(socket, scene.filled(text) if isinstance(text, str) else text)
        assert (answer["type"], answer["code"], answer.get("id")) == ("error", "bad_frame", None)
        scene.still_answers(socket)


NO_COMMAND = [
    # Names of consumer methods and of ASGI messages: none of them is called.
    *(case(21, f"{name[:30] or 'empty'}", {"type": name, "id": "7"})
      for name in ("websocket.disconnect", "websocket.close", "chat.message", "chat_message",
                   "__init__", "dispatch", "close", "send", "send_to_server", "answer", "accept",
                   "", " ping", "PING", "ping\x00", "message.created", "ready", "ack", "x" * 10_000,
                   "$ne", "../ping")),
    *(case(21, f"kind-{type(kind).__name__}", {"type": kind, "id": "7"})
      for kind in (None, 1, 1.5, True, ["ping"], {"$ne": 1})),
    case(21, "missing", {"id": "7"}),
]  # fmt: skip


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize("fields", NO_COMMAND)
def test_no_command(scene: Scene, fields: Fields) -> None:
    with scene.eves() as socket:
        answer = scene.ask(socket, fields)
        assert (answer["type"], answer["code"], answer["id"]) == ("error", "unknown_type", "7")
        scene.still_answers(socket)


NO_ROOM = [None, 1, 1.5, True, [], ["@kitchen"], {"$gt": ""}, {"$in": ["@cellar"]}, "", "@kitchen0",
           "0" * 23, "0" * 25, "../" * 8, "０" * 24, "@kitchen\n", " @kitchen", "A" * 24, "$" * 24,
           "@kitchen\x00", "null", "x" * 10_000]  # fmt: skip
NO_TEXT = [None, 1, True, 1.5, {"$gt": ""}, ["x"], "", " ", " \t\n\r", "\u200b", "\u3000",
           "\u200b\u200d\ufeff", "\u00a0\u2007", "\x00", "a\x00b"]  # fmt: skip
NO_NAME = [None, 1, True, {"$ne": 1}, ["c"], "", " ", "a b", "a\n", "\x00", "名", "x" * 65,
           "x" * 50_000, "\u202e"]  # fmt: skip
NO_SEQ = [None, -1, 1.5, "1", True, [], {"$gt": 0}, 2**53, 2**63, 2**64, -(2**70)]
NO_ID = [None, 1, 1.5, True, [], {}, "", "x" * 65, "x" * 10_000]
BAD_FIELD = [
    *(case(22, f"send-{n}", send(room_identity=room)) for n, room in enumerate(NO_ROOM)),
    *(case(22, f"read-{n}", read(room_identity=room)) for n, room in enumerate(NO_ROOM)),
    *(case(22, f"sync-{n}", sync(rooms))
      for n, rooms in enumerate([None, 1, [], "x", {"../": {}}, {"@kitchen": 1}, {"": {"seq": 0}},
                                 {"@kitchen": {"seq": {"$gt": 0}}}, {"@kitchen": {"seq": -1}},
                                 {"@kitchen": {}}, {"$where": {"seq": 0}},
                                 {"@kitchen": {"seq": 0, "revision": 2**63}}])),
    case(22, "room-missing", send(room_identity=...)),
    *(case(23, f"{n}", send(data=text)) for n, text in enumerate(NO_TEXT)),
    *(case(23, f"edit-{n}", edit(data=text)) for n, text in enumerate(NO_TEXT)),
    case(23, "missing", send(data=...)),
    *(case(23, f"kind-{n}", send(kind=kind))
      for n, kind in enumerate([None, 1, "system", "void", "", {"$ne": "text"}])),
    *(case(27, f"{n}", send(client_id=name)) for n, name in enumerate(NO_NAME)),
    case(27, "missing", send(client_id=...)),
    *(case(29, f"reply-{n}", send(reply_to=message))
      for n, message in enumerate([1, [], {"$ne": None}, "", "x", "0" * 25, "０" * 24])),
    *(case(29, f"edit-{n}", edit(message_identity=message)) for n, message in enumerate(NO_ROOM)),
    *(case(29, f"recall-{n}", recall(message)) for n, message in enumerate(NO_ROOM)),
    *(case(30, f"{n}", read(seq=seq)) for n, seq in enumerate(NO_SEQ)),
]  # fmt: skip


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize("fields", BAD_FIELD)
def test_a_bad_field(scene: Scene, fields: Fields) -> None:
    with scene.eves() as socket:
        answer = scene.ask(socket, fields)
        assert (answer["type"], answer["code"], answer["id"]) == ("error", "bad_request", "7")
        assert len(answer["detail"]) < 200  # the error does not echo what was sent
        scene.still_answers(socket)


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize("number", NO_ID, ids=lambda number: f"9-id-{str(number)[:8]}")
def test_an_id_that_is_none(scene: Scene, number: Any) -> None:
    with scene.eves() as socket:
        answer = scene.ask(socket, send(id=number))
        assert (answer["type"], answer["code"]) == ("error", "bad_request")
        scene.still_answers(socket)


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize("text", [case(6, "1e400", '1e400'), case(6, "minus-1e400", "-1e400"),
                                  case(7, "5000-digits", "9" * 5_000),
                                  case(7, "minus-60000-digits", "-" + "9" * 60_000),
                                  case(7, "fraction", "0." + "1" * 5_000),
                                  case(7, "exponent", "1e" + "9" * 5_000)])  # fmt: skip
def test_numbers_that_are_too_long(scene: Scene, text: str) -> None:
    with scene.eves() as socket:
        frame = scene.filled(json.dumps(read(seq="@@"))).replace('"@@"', text)
        assert scene.ask(socket, frame)["code"] in {"bad_frame", "bad_request"}
        scene.still_answers(socket)


HIDDEN = [
    *(case(22, f"send-{name}", send(room_identity=f"@{name}"))
      for name in ("cellar", "attic", "absent", "own", "eve")),
    *(case(22, f"read-{name}", read(room_identity=f"@{name}"))
      for name in ("cellar", "attic", "absent")),
    *(case(29, f"edit-{name}", edit(message_identity=f"@{name}"))
      for name in ("secret", "past", "absent", "kitchen")),
    *(case(29, f"recall-{name}", recall(f"@{name}"))
      for name in ("secret", "past", "absent", "kitchen")),
]  # fmt: skip


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize("fields", HIDDEN)
def test_what_is_not_hers_is_not_there(scene: Scene, fields: Fields) -> None:
    """The answer is the same, word for word, whether it is somebody else's or nobody's."""
    with scene.eves() as socket:
        answer = scene.ask(socket, fields)
        expected = {"type": "error", "id": "7", "code": "not_found", "detail": answer["detail"]}
        assert answer == expected
        named = {"room_identity", "message_identity"} & set(fields)
        assert scene.ask(socket, fields | dict.fromkeys(named, "@absent")) == answer
        scene.still_answers(socket)


OTHER_ANSWERS = [
    case(5, "last-type-wins", '{"type":"ping","type":"nope","id":"7"}', "unknown_type"),
    case(5, "last-room-wins", json.dumps(send())[:-1] + ',"room_identity":"@cellar"}', "not_found"),
    case(5, "last-id-wins", '{"type":"nope","id":"8","id":"7"}', "unknown_type"),
    case(23, "100-spaces", send(data=" " * 5_000), "bad_request"),
    case(24, "max-and-one", send(data="x" * 5_001), "too_large"),
    case(24, "max-and-one-emoji", send(data="😀" * 5_001), "too_large"),
    case(24, "edit-max-and-one", edit(data="x" * 5_001), "too_large"),
    case(29, "edit-another-s", edit(message_identity="@said"), "forbidden"),
    case(29, "recall-another-s", recall("@said"), "forbidden"),
    case(29, "edit-recalled", edit(message_identity="@recalled"), "forbidden"),
    *(
        case(29, f"reply-{name}", send(reply_to=f"@{name}"), "bad_request")
        for name in ("secret", "past", "absent", "kitchen")
    ),
]


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize(("frame", "code"), OTHER_ANSWERS)
def test_other_refusals(scene: Scene, frame: str | Fields, code: str) -> None:
    with scene.eves() as socket:
        answer = scene.ask(socket, scene.filled(frame) if isinstance(frame, str) else frame)
        assert (answer["type"], answer["code"], answer["id"]) == ("error", code, "7")
        scene.still_answers(socket)


@pytest.mark.usefixtures("nothing_changed")
@pytest.mark.parametrize("token", [case(19, "another-user", "bob"), case(19, "refresh", "refresh"),
                                   case(19, "other-device", "device"), case(19, "none", "x"),
                                   case(19, "operator", {"$ne": None})])  # fmt: skip
def test_a_socket_keeps_its_identity(scene: Scene, token: Any, devices: dict[str, str]) -> None:
    """Bob may write in the cellar; Eve with Bob's token may not."""
    with scene.eves() as socket:
        frame = {"type": "auth.renew", "id": "7", "token": devices.get(str(token), token)}
        answer = scene.ask(socket, frame)
        assert (answer["type"], answer["id"]) == ("error", "7")
        assert answer["code"] == ("forbidden" if isinstance(token, str) else "bad_request")
        assert scene.ask(socket, send(room_identity="@cellar"))["code"] == "not_found"


@pytest.fixture(scope="module")
def devices(scene: Scene) -> dict[str, str]:
    scene.changes()
    other = scene.target.sign_in(scene.eve)
    return {"bob": scene.bob.access, "refresh": scene.eve.refresh, "device": other.access}


@pytest.mark.usefixtures("nothing_changed")
def test_19_a_second_sign_in_is_no_command(scene: Scene) -> None:
    with scene.eves() as socket:
        for kind in ("auth", "auth.login", "login", "authenticate"):
            frame = {"type": kind, "id": "7", "token": scene.bob.access}
            assert scene.ask(socket, frame)["code"] == "unknown_type"


@pytest.mark.usefixtures("unharmed")
def test_the_twentieth_bad_frame_is_the_last(scene: Scene) -> None:
    """1: one may be a bug, twenty are not the client's accident."""
    with scene.socket(scene.eve) as socket:
        for _ in range(20):
            assert scene.ask(socket, "{{")["code"] == "bad_frame"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=1)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4429


def test_others_still_hear(scene: Scene) -> None:
    scene.delivers()
