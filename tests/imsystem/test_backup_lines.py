"""A document as a line: nothing gets lost."""

import json
from typing import Any

import bson
import pytest
from bson import Binary, Decimal128, Int64, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from imsystem.backup import lines

# --- lines ------------------------------------------------------------------------------------

ODD = [
    {"_id": 1, "small": Int64(5), "int": 5, "big": Int64(2**40), "edge": Int64(-(2**31))},
    {"_id": ObjectId(), "bytes": b"\x00\xff", "other": Binary(b"x", 5), "none": None, "yes": True},
    {"_id": "x", "when": DatetimeMS(1_763_850_000_123), "far": DatetimeMS(10**15)},
    {"_id": "x", "floats": [1.0, -0.0, 1e300, 0.1, float("inf"), float("-inf"), 5e-324]},
    {"_id": "x", "deep": {"list": [{"a": Int64(1)}, [], {}], "d": Decimal128("1.10")}},
    {"_id": "x", "re": Regex("a.*", "i"), "ts": Timestamp(5, 6)},
    {"_id": "x", "text": 'a "$oid": \u2028 line\nbreak \x00 é 你好 😀', "key é": 1},
    {"_id": "x", "marked": {"$oid": "0" * 24}, "dollar": {"$a": 1}},
    {"_id": "x", "$top": 1},
    {"_id": "x", "ref": bson.DBRef("other", ObjectId())},
]


@pytest.mark.parametrize("document", ODD, ids=lambda document: list(document)[1])
def test_every_type_survives(document: dict[str, Any]) -> None:
    line = lines.encode(document)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    json.loads(line)
    assert bson.encode(lines.decode(line)) == bson.encode(document)


def test_a_message_is_plain_json() -> None:
    document = {"_id": "6b03", "seq": 7, "created_at": Int64(1_763_850_000_000), "data": "hi 你"}
    line = '{"_id":"6b03","seq":7,"created_at":1763850000000,"data":"hi 你"}\n'
    assert lines.encode(document) == line.encode()


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"1", b'{"a":1}', b'{"_id":{"$oid":"x"}}'])
def test_what_is_no_document_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- whatever it says
        lines.decode(line)
