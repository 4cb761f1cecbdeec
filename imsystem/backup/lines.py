"""One document as one line of JSON, and back.

MongoDB Extended JSON v2 in its relaxed form, as mongoimport reads it, with one exception: a 64-bit
integer that would fit into 32 bits keeps its `$numberLong`, so that every type survives. Integers
beyond that range, which all times are, need no mark. A document that Extended JSON cannot
distinguish from its own marks (a field named `$oid`) is kept as BSON: {"$bson": "<base64>"}.
"""

import math
from base64 import b64decode, b64encode
from typing import Any

import bson
import msgspec
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.int64 import Int64
from bson.json_util import CANONICAL_JSON_OPTIONS, default, object_hook

from imsystem.mongo.clients import Document

# Times as integers: Python's datetime ends with the year 9999, MongoDB's does not.
CODEC: CodecOptions[Document] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
_OPTIONS = CANONICAL_JSON_OPTIONS.with_options(datetime_conversion=DatetimeConversion.DATETIME_MS)
_AS_IS = frozenset({str, int, bool, type(None)})
_INT32 = 2**31
_NOT_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}
_WHOLE = "$bson"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class _AmbiguousError(Exception):
    """A field's name begins like the marks of Extended JSON."""


def encode(document: Document) -> bytes:
    """Returns the document (read with CODEC) as a line with its line feed."""
    try:
        return _encode(_outgoing(document)) + b"\n"
    except (_AmbiguousError, TypeError):
        whole = bson.encode(document, codec_options=CODEC)
        return _encode({_WHOLE: b64encode(whole).decode()}) + b"\n"


def decode(line: bytes) -> Document:
    """Returns the document of a line. Raises ValueError for anything else."""
    try:
        found = _decode(line)
        if b'"$' in line:
            found = _whole(found) if _WHOLE in found else _incoming(found)
    except (msgspec.DecodeError, bson.errors.BSONError, TypeError, RecursionError) as exc:
        raise ValueError(str(exc)) from exc
    if not isinstance(found, dict) or "_id" not in found:
        raise ValueError("no document")
    return found


def _whole(found: Document) -> Document:
    return bson.decode(b64decode(found[_WHOLE]), codec_options=CODEC)


def _outgoing(document: Document) -> Document:
    if any(key.startswith("$") for key in document):
        raise _AmbiguousError
    return {
        key: value if type(value) in _AS_IS else _marked(value) for key, value in document.items()
    }


def _marked(value: Any) -> Any:
    kind = type(value)
    if kind in _AS_IS:
        return value
    if kind is Int64:
        fits = -_INT32 <= value < _INT32
        return {"$numberLong": str(value)} if fits else int(value)
    if kind is float:
        return value if math.isfinite(value) else {"$numberDouble": _NOT_FINITE.get(value, "NaN")}
    if kind is list:
        return [_marked(item) for item in value]
    if kind is dict:
        return _outgoing(value)
    return default(value, _OPTIONS)


def _incoming(value: Any) -> Any:
    if isinstance(value, list):
        return [_incoming(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _incoming(item) for key, item in value.items()}
    if any(key.startswith("$") for key in found):
        return object_hook(found, _OPTIONS)
    return found
