"""Frames for clients: encoded here, once, however many sockets get them."""

from typing import Any

import msgspec


def _plain(value: object) -> int:
    """PyMongo gives 64-bit numbers as Int64, a subclass of int that msgspec does not take."""
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"cannot encode {type(value)}")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def encode(kind: str, **fields: Any) -> str:
    """One JSON text frame of type `kind`."""
    return _encoder.encode({"type": kind, **fields}).decode()
