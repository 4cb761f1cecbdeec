"""Parsing frames: every command, and whatever is not a command. No database."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat import protocol
from imsystem.realtime import commands

ROOM = "0123456789abcdef01234567"


def refusal(text: str) -> tuple[str, str | None]:
    with pytest.raises(commands.Rejected) as caught:
        commands.parse(text)
    return caught.value.error.code, caught.value.command_id


def send(**changes: Any) -> str:
    frame = {
        "type": "message.send",
        "id": "1",
        "room_identity": ROOM,
        "client_id": "c",
        "data": "x",
    }
    return json.dumps(frame | changes)


def test_a_message_is_parsed() -> None:
    assert commands.parse(send()) == protocol.MessageSend(
        id="1", room_identity=ROOM, client_id="c", data="x"
    )


def test_fields_nobody_asked_for_are_ignored() -> None:
    frame = commands.parse(send(seq=9, user_identity="me", created_at=1, is_admin=True))
    assert frame == protocol.MessageSend(id="1", room_identity=ROOM, client_id="c", data="x")


@pytest.mark.parametrize(
    "text",
    ["", "{{", "null", "[]", "1", '"x"', "[" * 100_000, '{"a":' * 50_000, '{"type":NaN}',
     '{"type":"ping","id":Infinity}', '{"type":1e400', '{"type":"ping","id":"\\ud800"}'],
)  # fmt: skip
def test_what_is_no_json_object_is_a_bad_frame(text: str) -> None:
    assert refusal(text) == ("bad_frame", None)


@pytest.mark.parametrize(
    "kind",
    ["", "websocket.disconnect", "__init__", "dispatch", "send", "ready", "x" * 10_000, None, 1,
     ["ping"], {"$ne": 1}],
)  # fmt: skip
def test_other_types_are_unknown(kind: Any) -> None:
    assert refusal(json.dumps({"type": kind, "id": "7"})) == ("unknown_type", "7")


@pytest.mark.parametrize(
    ("field", "value"),
    [(name, value)
     for name in ("id", "room_identity", "client_id", "data")
     for value in (None, 1, 1.5, True, [], {"$gt": ""})]
    + [("id", ""), ("id", "x" * 65), ("client_id", ""), ("client_id", "x" * 65),
       ("client_id", "a b"), ("client_id", "a\n"), ("client_id", "名"), ("room_identity", ROOM[1:]),
       ("room_identity", ROOM + "0"), ("room_identity", ROOM + "\n"), ("room_identity", "../" * 8),
       ("room_identity", "０" * 24), ("room_identity", ROOM.upper()), ("reply_to", "x"),
       ("reply_to", {"$ne": None})],
)  # fmt: skip
def test_a_wrong_field_is_a_bad_request(field: str, value: Any) -> None:
    code, _command_id = refusal(send(**{field: value}))
    assert code == "bad_request"


@pytest.mark.parametrize("field", ["room_identity", "client_id", "data"])
def test_a_missing_field_is_a_bad_request_with_the_id(field: str) -> None:
    frame = json.loads(send())
    del frame[field]
    assert refusal(json.dumps(frame)) == ("bad_request", "1")


@pytest.mark.parametrize("seq", [-1, 2**53, 2**63, 1.5, "1", None, True, int("9" * 4_000)])
def test_a_position_is_a_small_whole_number(seq: Any) -> None:
    frame = {"type": "room.read", "id": "1", "room_identity": ROOM, "seq": seq}
    assert refusal(json.dumps(frame))[0] in {"bad_request", "bad_frame"}


def test_sync_takes_at_most_a_thousand_rooms() -> None:
    def sync(count: int) -> str:
        rooms = {f"{number:024x}": {"seq": 0, "revision": 0} for number in range(count)}
        return json.dumps({"type": "sync", "id": "1", "rooms": rooms})

    assert len(commands.parse(sync(1_000)).rooms) == 1_000  # type: ignore[union-attr]
    assert refusal(sync(1_001)) == ("bad_request", "1")


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=12,
))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_no_json_value_gets_past_or_breaks_the_parser(value: Any) -> None:
    try:
        frame = commands.parse(json.dumps(value))
    except commands.Rejected:
        return
    assert type(frame) in {known.struct for known in commands.commands.values()}


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_the_parser(text: str) -> None:
    with pytest.raises(commands.Rejected):
        commands.parse(text)
