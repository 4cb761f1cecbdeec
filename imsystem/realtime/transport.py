"""Uvicorn's connection behind the `send` of an ASGI socket (ours: embedded/websocket.py).

Other servers have none that we know: they close the connection when the application ends.
"""

import asyncio
from typing import Any

from imsystem.realtime.connection import WriteFrames


def _server(send: object) -> object:
    """The protocol, which uvicorn's send() is a method of."""
    return getattr(send, "__self__", None)


def _transport(send: object) -> asyncio.Transport | None:
    found: Any = getattr(_server(send), "transport", None)
    return found  # type: ignore[no-any-return]


def write_frames_of(send: object) -> WriteFrames | None:
    """Returns the function that takes the bytes of whole frames, if the server has one."""
    return getattr(_server(send), "write_frames", None)


def abort(send: object) -> None:
    """Hangs up without waiting for what the client does not read."""
    transport = _transport(send)
    if transport is not None:
        transport.abort()


def stop_reading(send: object) -> None:
    """Leaves a flood in the buffers of its sender until the socket is closed."""
    transport = _transport(send)
    if transport is not None and not transport.is_closing():
        transport.pause_reading()
