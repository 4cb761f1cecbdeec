"""Whatever arrives as a frame is a command that docs/protocol.md knows, or gets one refusal."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imsystem.realtime import commands
from imsystem.realtime.frames import error_frame
from tests.fuzz.model import COMMANDS, EDGES, EXAMPLES, FIELDS, GOOD, ROOM, expected

CODES = {"bad_frame", "bad_request", "unknown_type"}
FUZZ = settings(max_examples=400, deadline=None, derandomize=True)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=70)
)
ALMOST = st.sampled_from(
    ["", " ", "1", "c", "a b", "\n", ROOM, ROOM[1:], ROOM + "\n", ROOM.upper(), "０" * 24, "x" * 64,
     "x" * 65, "x" * 4_097, "\x00", "😀", 0, -1, 2**53 - 1, 2**53, 1.0, True, {"$ne": None}, [ROOM],
     {ROOM: {"seq": 0}}, {ROOM: {"seq": 0, "revision": 1}}, {ROOM: {}}, {ROOM[1:]: {"seq": 0}}]
)  # fmt: skip
VALUES = ALMOST | st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8) | st.just(ROOM), inner, max_size=3)
    ),
    max_leaves=6,
)
RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "id": st.text("abc1", min_size=1, max_size=64),
    "identity": st.just(ROOM),
    "identity or null": st.none() | st.just(ROOM),
    "client_id": st.text([chr(code) for code in range(33, 127)], min_size=1, max_size=64),
    "text": st.text(st.characters(codec="utf-8"), max_size=50),
    "seq": st.integers(0, 2**53 - 1),
    "token": st.text("abc.", max_size=4_096),
    "rooms": st.dictionaries(
        st.integers(0, 2**90).map("{:024x}".format),
        st.fixed_dictionaries({"seq": st.integers(0, 9)}, optional={"revision": st.integers(0, 9)}),
        max_size=4,
    ),
}


@st.composite
def frames(draw: st.DrawFn) -> dict[str, Any]:
    """A correct command, a field of it at its limit, and up to two things wrong or missing."""
    kind = draw(st.sampled_from(sorted(COMMANDS)))
    fields = {name: draw(RIGHT[check]) for name, (check, _required) in COMMANDS[kind].items()}
    frame = {"type": kind, **fields}
    name = draw(st.sampled_from(sorted(fields)))
    if draw(st.booleans()):
        frame[name] = draw(st.sampled_from(EDGES[COMMANDS[kind][name][0]]))
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from([*frame, *FIELDS, "type", "sender", "$where"]))
        if draw(st.booleans()):
            frame.pop(name, None)
        else:
            frame[name] = draw(VALUES)
    return frame


def verdict(text: str) -> str:
    """Returns what the parser says; a refusal becomes a frame that names the right id and no
    more."""
    try:
        command = commands.parse(text)
    except commands.Rejected as exc:
        refusal = exc
    else:
        assert commands.command_of(command) in commands.commands.values()
        return "ok"
    told = json.loads(error_frame(refusal.error, refusal.command_id))
    assert set(told) - {"id"} == {"type", "code", "detail"}
    assert len(told["detail"]) < 300
    assert told.get("id") == commands.command_id(text) == refusal.command_id
    assert refusal.error.code in CODES
    return str(refusal.error.code)


@settings(FUZZ, max_examples=1_000)
@given(frames())
def test_the_parser_takes_what_the_document_says(frame: dict[str, Any]) -> None:
    text = json.dumps(frame)
    said = verdict(text)
    try:
        text.encode().decode("utf-8")
        json.dumps(frame, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        assert said == "bad_frame"
    else:
        assert said == expected(frame), frame


@FUZZ
@given(VALUES)
def test_any_json(value: Any) -> None:
    assert verdict(json.dumps(value)) in CODES


@FUZZ
@given(
    st.binary(max_size=300), st.sampled_from(["strict", "surrogateescape", "replace", "latin-1"])
)
def test_any_bytes(data: bytes, how: str) -> None:
    """Decodes text in any way; the server itself refuses what is not UTF-8."""
    try:
        text = data.decode("latin-1") if how == "latin-1" else data.decode("utf-8", how)
    except UnicodeDecodeError:
        return
    assert verdict(text) in {*CODES, "ok"}  # the fuzzer knows how to write a ping


@settings(FUZZ, max_examples=600)
@given(st.sampled_from(EXAMPLES), st.data())
@example("[" * 100_000, None)
def test_damaged_examples(text: str, data: Any) -> None:
    """Returns a good frame with a piece cut out, doubled or overwritten."""
    if data is not None:
        start, size = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 40))
        piece = data.draw(
            st.sampled_from(["", text[start : start + size], "\\u0000", '"', "{", "9"])
        )
        text = text[:start] + piece + text[start + size :]
    assert verdict(text) in CODES | {"ok"}


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_limit(kind: str) -> None:
    """The two sides of each limit, with nothing else wrong."""
    good = {"type": kind} | {name: GOOD[check] for name, (check, _) in COMMANDS[kind].items()}
    assert verdict(json.dumps(good)) == "ok"
    for name, (check, _required) in COMMANDS[kind].items():
        for value in EDGES[check]:
            frame = good | {name: value}
            assert verdict(json.dumps(frame)) == expected(frame), (name, str(value)[:50])


def test_the_model_knows_every_command() -> None:
    """The parser also accepts every example of the document."""
    assert set(COMMANDS) == set(commands.commands)
    for kind, known in commands.commands.items():
        assert set(COMMANDS[kind]) == set(known.struct.__struct_fields__)
    assert [expected(json.loads(text)) for text in EXAMPLES] == ["ok"] * len(EXAMPLES)
