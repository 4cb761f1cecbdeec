"""Frames for clients: encoded here, once, however many sockets get them."""

from collections.abc import Iterator, Sequence
from typing import Any

from websockets.frames import Frame, Opcode

from imsystem.encoding import encoder

# Below the 64 KiB at which a server's write buffer asks to wait.
MAX_WRITE = 32 * 1024


def encode(kind: str, **fields: Any) -> str:
    """One JSON text frame of type `kind`."""
    return encoder.encode({"type": kind, **fields}).decode()


def on_the_wire(text: str) -> bytes:
    """The text as the bytes of one WebSocket frame of a server's (RFC 6455, 5.2: not masked, and
    we do not compress), so the same for every socket."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


def in_writes(texts: Sequence[str]) -> Iterator[tuple[Sequence[str], bytes]]:
    """The texts, some at a time, beside their frames: up to MAX_WRITE characters, or one text."""
    start = size = 0
    for index, text in enumerate(texts):
        if index > start and size + len(text) > MAX_WRITE:
            yield texts[start:index], b"".join(map(on_the_wire, texts[start:index]))
            start, size = index, 0
        size += len(text)
    yield texts[start:], b"".join(map(on_the_wire, texts[start:]))
