"""docs/protocol.md is true: its examples are what the code sends and accepts."""

import json
import re
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest

from chat import frames as chat_frames
from chat.payloads import MessagePayload
from imsystem.realtime import close_codes
from imsystem.realtime.commands import commands, parse
from imsystem.realtime.frames import Frame, encode, frames
from rooms.payloads import MemberPayload, RoomPayload, RoomSummary

PAGE = (Path(__file__).parents[2] / "docs/protocol.md").read_text(encoding="utf-8")
EXAMPLES = [
    (kind, json.loads(text)) for kind, text in re.findall(r"```json (\w+)\n(.*?)```", PAGE, re.S)
]


def examples(kind: str) -> list[dict[str, Any]]:
    return [frame for name, frame in EXAMPLES if name == kind]


# Not everywhere: repeated messages, direct rooms.
SOMETIMES = {"duplicate", "peer", "online", "lookalike"}


def fields_of(shape: Any) -> set[str]:
    return set(get_type_hints(shape)) - SOMETIMES


@pytest.mark.parametrize("frame", examples("command"), ids=lambda frame: str(frame["type"]))
def test_every_command_is_parsed(frame: dict[str, Any]) -> None:
    assert type(parse(json.dumps(frame))) is commands[frame["type"]].struct


def test_every_command_has_an_example() -> None:
    assert {frame["type"] for frame in examples("command")} == set(commands)


# --- what the server sends ------------------------------------------------------------------

SENT = [frame for kind, frame in EXAMPLES if kind in {"ready", "event", "error"}]


def same(frame: dict[str, Any], struct: type[Frame]) -> bool:
    """Returns whether the server would send this frame, with no extra field at any depth."""
    text = json.dumps(frame)
    return json.loads(encode(msgspec.json.decode(text, type=struct))) == frame


def test_every_registered_frame_has_an_example_and_no_other_frame_has() -> None:
    assert {frame["type"] for frame in SENT} == set(frames)


@pytest.mark.parametrize("frame", SENT, ids=lambda frame: str(frame["type"]))
def test_every_example_is_a_registered_frame(frame: dict[str, Any]) -> None:
    assert same(frame, frames[frame["type"]])


@pytest.mark.parametrize("frame", SENT, ids=lambda frame: str(frame["type"]))
def test_a_field_too_many_is_refused(frame: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps({**frame, "more": 1}), type=frames[frame["type"]])


def answered() -> list[tuple[str, dict[str, Any]]]:
    """Returns the examples of acks, each with the type of the command before it on the page."""
    found, asked = [], ""
    for kind, frame in EXAMPLES:
        if kind == "command":
            asked = frame["type"]
        elif kind == "ack":
            found.append((asked, frame))
    return found


@pytest.mark.parametrize(("asked", "frame"), answered(), ids=[kind for kind, _ in answered()])
def test_every_ack_is_the_one_of_its_command(asked: str, frame: dict[str, Any]) -> None:
    ack = commands[asked].ack
    assert ack is not None
    assert same(frame, ack)


def test_every_kind_of_ack_has_an_example() -> None:
    shown = {commands[kind].ack for kind, _frame in answered()}
    assert shown == {known.ack for known in commands.values()} - {None}


def test_messages_rooms_and_members_have_all_their_fields() -> None:
    found = 0
    for _kind, frame in EXAMPLES:
        for key, shape in (
            ("message", MessagePayload),
            ("room", RoomSummary if frame["type"] == "room.updated" else RoomPayload),
            ("member", MemberPayload),
        ):
            if key in frame:
                assert set(frame[key]) - SOMETIMES == fields_of(shape)
                found += 1
    assert found >= 7


def test_every_event_has_an_example_with_its_fields() -> None:
    table = PAGE[PAGE.index("## Events") : PAGE.index("### Presence")]
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \|", table, re.M)
    shown = {frame["type"]: set(frame) - {"type"} for frame in examples("event")}
    for kind, fields in rows:
        named = set(re.findall(r"`(\w+)`", re.split("[:(]", fields)[0]))
        assert shown.pop(kind) == named, kind
    assert shown == {}


def test_a_sync_answer_has_all_its_fields() -> None:
    (answer,) = [frame for frame in examples("ack") if "rooms" in frame]
    for delta in answer["rooms"].values():
        assert set(delta) == fields_of(chat_frames.RoomCatchUp)


def test_every_error_code_is_listed() -> None:
    errors = PAGE[PAGE.index("## Errors") : PAGE.index("## Close codes")]
    listed = set(re.findall(r"^\| `(\w+)` \|", errors, re.M))
    assert {"bad_frame", "bad_request", "unknown_type", "not_found", "forbidden", "muted",
            "too_large", "rate_limited", "unavailable", "internal"} == listed  # fmt: skip


def test_every_close_code_is_listed() -> None:
    listed = re.findall(r"^\| (\d{4}) \|", PAGE[PAGE.index("## Close codes") :], re.M)
    known = {value for value in vars(close_codes).values() if isinstance(value, int)}
    assert {int(code) for code in listed} == known
