"""What docs/protocol.md says of commands, in plain Python: the judge of the parser."""

import json
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs" / "protocol.md"
EXAMPLES = re.findall(r"```json command\n(.*?)```", DOCS.read_text(), re.DOTALL)
IDENTITY = re.compile(r"[0-9a-f]{24}")
CLIENT_ID = re.compile(r"[!-~]{1,64}")
MAX_SEQ = 2**53 - 1
# type -> field -> (check, required)
Rule = tuple[str, bool]
COMMANDS: dict[str, dict[str, Rule]] = {
    "message.send": {
        "id": ("id", True),
        "room_identity": ("identity", True),
        "client_id": ("client_id", True),
        "data": ("text", True),
        "kind": ("text", False),
        "reply_to": ("identity or null", False),
    },
    "message.edit": {
        "id": ("id", True),
        "message_identity": ("identity", True),
        "data": ("text", True),
    },
    "message.recall": {"id": ("id", True), "message_identity": ("identity", True)},
    "room.read": {"id": ("id", True), "room_identity": ("identity", True), "seq": ("seq", True)},
    "typing": {"room_identity": ("identity", True)},
    "sync": {"id": ("id", True), "rooms": ("rooms", True)},
    "auth.renew": {"id": ("id", True), "token": ("token", True)},
    "ping": {"id": ("id", True)},
}
ROOM = "0123456789abcdef01234567"
GOOD: dict[str, Any] = {
    "id": "1",
    "identity": ROOM,
    "identity or null": None,
    "client_id": "c",
    "text": "x",
    "seq": 1,
    "token": "t",
    "rooms": {ROOM: {"seq": 0, "revision": 1}},
}
# Values on both sides of every limit.
EDGES: dict[str, list[Any]] = {
    "id": ["x" * 64, "x" * 65, "", 1],
    "identity": [ROOM[1:], ROOM + "0", ROOM + "\n", ROOM.upper(), "０" * 24, None],
    "client_id": ["!", "~" * 64, "~" * 65, "", " ", "c\n", "\x7f", "é"],
    "text": ["", "\x00", None, 1],
    "seq": [0, -1, MAX_SEQ, MAX_SEQ + 1, 1.0, "1", True, None, 2**64],
    "token": ["", "t" * 4_096, "t" * 4_097, None],
    "rooms": [
        {},
        {ROOM: {}},
        {ROOM: {"seq": MAX_SEQ, "revision": MAX_SEQ}},
        {ROOM: {"seq": MAX_SEQ + 1}},
        {ROOM: {"seq": 0, "revision": -1}},
        {ROOM[1:]: {"seq": 0}},
        {f"{number:024x}": {"seq": 0} for number in range(1_000)},
        {f"{number:024x}": {"seq": 0} for number in range(1_001)},
        [],
        None,
    ],
}
EDGES["identity or null"] = [*EDGES["identity"], ROOM]
FIELDS = sorted({field for fields in COMMANDS.values() for field in fields})


def expected(frame: object) -> str:
    """Returns what the parser must say of a JSON value: "ok", or the code of its refusal."""
    if not isinstance(frame, dict):
        return "bad_frame"
    kind = frame.get("type")
    if not isinstance(kind, str) or kind not in COMMANDS:
        return "unknown_type"
    for field, (check, required) in COMMANDS[kind].items():
        if field not in frame:
            if required:
                return "bad_request"
        elif not fits(check, frame[field]):
            return "bad_request"
    return "ok"


def fits(check: str, value: Any) -> bool:
    if check == "seq":
        return type(value) is int and 0 <= value <= MAX_SEQ
    if check == "rooms":
        return isinstance(value, dict) and len(value) <= 1_000 and all(map(_room, value.items()))
    if check == "identity or null" and value is None:
        return True
    return isinstance(value, str) and {
        "id": 1 <= len(value) <= 64,
        "token": len(value) <= 4_096,
        "text": True,
        "client_id": CLIENT_ID.fullmatch(value) is not None,
    }.get(check, IDENTITY.fullmatch(value) is not None)


def _room(pair: tuple[str, Any]) -> bool:
    name, known = pair
    if not isinstance(known, dict) or not fits("identity", name) or "seq" not in known:
        return False
    return fits("seq", known["seq"]) and fits("seq", known.get("revision", 0))


def no_json(text: str) -> Any:
    """Raises ValueError: NaN and Infinity are not JSON, though Python reads them."""
    raise ValueError(text)


def strict_json(text: str) -> Any:
    """Returns the value. Raises ValueError or RecursionError where the text is not JSON that can be
    stored."""
    value = json.loads(text, parse_constant=no_json)
    json.dumps(value, ensure_ascii=False).encode()  # lone surrogates
    return value


def says_twice(text: str) -> bool:
    """Returns whether some object in the JSON has a key more than once."""
    twice = False

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        twice = twice or len(dict(pairs)) < len(pairs)
        return dict(pairs)

    json.loads(text, object_pairs_hook=look)
    return twice
