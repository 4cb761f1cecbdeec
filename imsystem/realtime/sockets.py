"""The live sockets of this process, as the parts around them see them.

The consumer (chat/consumer.py) registers each socket here. Commands, the sweep and the drain before
a restart work with what is declared here, so none of them imports the consumer.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from imsystem.loops import PerLoop
from imsystem.realtime.connection import Connection
from imsystem.realtime.socket_limits import SocketLimits


@dataclass(frozen=True, slots=True)  # there is one for each socket
class SocketUser:
    """The user at the other end. `expires_at_ms`: until when the socket may stay open."""

    user_identity: str
    session_identity: str
    language: str
    expires_at_ms: int


class LiveSocket(Protocol):
    """An open socket. `last_heard` is a time.monotonic()."""

    user: SocketUser
    connection: Connection
    limits: SocketLimits
    last_heard: float
    may_be_silent: bool
    # A message gets in line after those the socket sent before it.
    sending: asyncio.Lock
    # One answer to `sync` at a time: it may be as large as a megabyte.
    syncing: asyncio.Lock

    async def finish(self) -> None:
        """Answers earlier commands, refuses new ones, and closes the socket for a restart."""


_watched: PerLoop[set[LiveSocket]] = PerLoop(set)


def watch(socket: LiveSocket) -> None:
    """Registers an open socket. From now on the sweep closes it when it is silent or expired."""
    _watched().add(socket)


def unwatch(socket: LiveSocket) -> None:
    """Forgets a socket that has ended."""
    _watched().discard(socket)


def watched() -> list[LiveSocket]:
    """Returns the open sockets of this process."""
    return list(_watched())
