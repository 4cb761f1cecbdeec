"""Frames for clients: encoded here, once, however many sockets get them."""

from collections.abc import Iterator, Sequence
from typing import Any

from imsystem.encoding import encoder
from imsystem.realtime.wire import text_frame

# Below the 64 KiB at which a server's write buffer asks to wait.
MAX_WRITE = 32 * 1024


def encode(kind: str, **fields: Any) -> str:
    """One JSON text frame of type `kind`."""
    return encoder.encode({"type": kind, **fields}).decode()


def in_writes(texts: Sequence[str]) -> Iterator[tuple[Sequence[str], bytes]]:
    """The texts, some at a time, beside their frames: up to MAX_WRITE characters, or one text."""
    start = size = 0
    for index, text in enumerate(texts):
        if index > start and size + len(text) > MAX_WRITE:
            yield texts[start:index], b"".join(map(text_frame, texts[start:index]))
            start, size = index, 0
        size += len(text)
    yield texts[start:], b"".join(map(text_frame, texts[start:]))
