"""docs/protocol.md is true: its examples are what the code sends and takes."""

import json
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from chat import catch_up, protocol
from chat.payloads import MessagePayload
from rooms.payloads import MemberPayload, RoomPayload, RoomSummary

PAGE = (Path(__file__).parents[2] / "docs/protocol.md").read_text(encoding="utf-8")
EXAMPLES = [
    (kind, json.loads(text)) for kind, text in re.findall(r"```json (\w+)\n(.*?)```", PAGE, re.S)
]


def examples(kind: str) -> list[dict[str, Any]]:
    return [frame for name, frame in EXAMPLES if name == kind]


# Not everywhere: repeated messages, direct rooms.
SOMETIMES = {"duplicate", "peer", "online"}


def fields_of(shape: Any) -> set[str]:
    return set(get_type_hints(shape)) - SOMETIMES


@pytest.mark.parametrize("frame", examples("command"), ids=lambda frame: str(frame["type"]))
def test_every_command_is_parsed(frame: dict[str, Any]) -> None:
    assert type(protocol.parse(json.dumps(frame))) is protocol._TYPES[frame["type"]]


def test_every_command_has_an_example() -> None:
    assert {frame["type"] for frame in examples("command")} == set(protocol._TYPES)


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
        assert set(delta) == fields_of(catch_up.RoomCatchUp)


def test_every_error_code_is_listed() -> None:
    errors = PAGE[PAGE.index("## Errors") : PAGE.index("## Close codes")]
    listed = set(re.findall(r"^\| `(\w+)` \|", errors, re.M))
    assert {"bad_frame", "bad_request", "unknown_type", "not_found", "forbidden", "muted",
            "too_large", "rate_limited", "unavailable", "internal"} == listed  # fmt: skip
