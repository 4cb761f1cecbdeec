"""The frames that the server sends: their base, their registry and their encoding.

Each app declares its own frames (chat/frames.py, rooms/frames.py). docs/protocol.md has an example
of each; tests/chat/test_protocol_docs.py compares the two. A frame is encoded here once, however
many sockets get it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from imsystem.encoding import encoder
from imsystem.errors import AppError
from imsystem.realtime.wire import text_frame

# Below the 64 KiB at which a server's write buffer asks to wait.
MAX_WRITE = 32 * 1024


class Frame(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True
):
    """A frame of the server. The tag of a subclass is the frame's `type`."""


# type -> frame
frames: dict[str, type[Frame]] = {}
F = TypeVar("F", bound=type[Frame])


def outbound(frame: F) -> F:
    """Decorator: registers a frame under its tag."""
    tag: Any = frame.__struct_config__.tag
    if frames.setdefault(tag, frame) is not frame:
        raise ValueError(f"two frames are called {tag}")
    return frame


class Ack(Frame, frozen=True, tag="ack"):
    """The answer to a command that succeeded. Commands with more to say extend it; they are
    registered together with it (imsystem/realtime/commands.py)."""

    id: str


@outbound
class Error(Frame, frozen=True, kw_only=True, tag="error"):
    """The answer to a command that failed, or to a frame that is no command."""

    id: str | UnsetType = UNSET
    code: str
    detail: str
    retry_after: int | UnsetType = UNSET


def encode(frame: Frame) -> str:
    """Returns the frame as JSON text."""
    return encoder.encode(frame).decode()


def error_frame(error: AppError, command_id: str | None = None) -> str:
    """Returns the frame that tells of an error, its `detail` in the active language."""
    return encode(
        Error(
            id=UNSET if command_id is None else command_id,
            code=error.code,
            detail=str(error.detail),
            retry_after=getattr(error, "retry_after", UNSET),
        )
    )


def in_writes(texts: Sequence[str]) -> Iterator[tuple[Sequence[str], bytes]]:
    """Groups texts into writes of at most MAX_WRITE characters (or one text), each with the bytes
    of its frames."""
    start = size = 0
    for index, text in enumerate(texts):
        if index > start and size + len(text) > MAX_WRITE:
            yield texts[start:index], b"".join(map(text_frame, texts[start:index]))
            start, size = index, 0
        size += len(text)
    yield texts[start:], b"".join(map(text_frame, texts[start:]))
