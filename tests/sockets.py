"""Sockets in tests: the real ASGI application, without a server around it."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from channels.testing import WebsocketCommunicator

from accounts.models import DeviceSession, User
from accounts.sessions import open_session
from accounts.tokens import make_tokens
from imsystem.asgi import application
from imsystem.realtime.events import Beat
from imsystem.realtime.hub import current_hub
from imsystem.threads import run_in_thread
from tests.conftest import Cast
from tests.leaks import said


def token_of(user: User) -> str:
    """An access token of a new device session."""
    session = open_session(DeviceSession(user=user, device="test", ip="10.0.0.1"))
    return make_tokens(session).access


# What may come at any time: as people connect, and as a busy machine delays the hub.
HINTS = frozenset({"presence", "room.heads"})


class Socket:
    """One connected socket. `ready` is its first frame. HINTS are passed over unless in `hints`."""

    def __init__(
        self, communicator: WebsocketCommunicator, ready: dict[str, Any], hints: Collection[str]
    ) -> None:
        self.communicator = communicator
        self.ready = ready
        self.passed_over = HINTS.difference(hints)

    async def say(self, **frame: Any) -> None:
        said(frame.get("data"))
        await self.communicator.send_to(text_data=json.dumps(frame))

    async def say_raw(self, text: str) -> None:
        await self.communicator.send_to(text_data=text)

    async def hear(self, timeout: float = 5) -> dict[str, Any]:
        """The next frame."""
        while True:
            frame: dict[str, Any] = json.loads(await self.communicator.receive_from(timeout))
            if frame["type"] not in self.passed_over:
                return frame

    async def hear_until(self, kind: str) -> dict[str, Any]:
        """The next frame of this type; earlier ones are passed over."""
        while True:
            frame = await self.hear()
            if frame["type"] == kind:
                return frame

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Says a command with the id "x" and gives its ack or error; events are passed over."""
        await self.say(type=kind, id="x", **fields)
        while True:
            frame = await self.hear()
            if frame.get("id") == "x":
                return frame

    async def silent(self) -> bool:
        """True when nothing comes for a moment."""
        while not await self.communicator.receive_nothing(timeout=0.15):
            frame = json.loads(await self.communicator.receive_from(1))
            if frame["type"] not in self.passed_over:
                return False
        return True

    async def close_code(self) -> int:
        """Waits until the server closes, and gives its code."""
        while True:
            output = await self.communicator.receive_output(5)
            if output["type"] == "websocket.close":
                return int(output["code"])


def communicator_of(
    token: str | None = None, *, query: str = "", **headers: str
) -> WebsocketCommunicator:
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    given.append((b"host", b"localhost"))
    if token is not None:
        given.append((b"authorization", f"Bearer {token}".encode()))
    path = f"/ws/?{query}"
    return WebsocketCommunicator(application, path, headers=given, subprotocols=["im.v1"])


async def caught_up() -> None:
    """Waits until this loop's hub has heard what synchronous fixtures published.

    They publish from another event loop, as another process would; an event from before a socket
    was opened may reach it after `ready`, which is allowed, but not what a test expects next.
    """
    hub = current_hub()
    async with asyncio.timeout(5):
        for loop, other in list(current_hub._values.items()):
            while other is not hub and hub._heard.get(other.identity, 0) < other._sent:
                # Once more: a hub that stood still while other tests ran subscribes anew, and what
                # was said before is lost to it.
                if loop.is_running():
                    beat = asyncio.run_coroutine_threadsafe(other.publish_and_flush(Beat()), loop)
                    await asyncio.wrap_future(beat)
                await asyncio.sleep(0.02)


@asynccontextmanager
async def socket_of(user: User, *, hints: Collection[str] = ()) -> AsyncIterator[Socket]:
    """A socket of `user` on a device of its own, closed at the end."""
    communicator = communicator_of(await run_in_thread(token_of, user))
    async with open_socket(communicator, hints=hints) as socket:
        yield socket


@asynccontextmanager
async def open_socket(
    communicator: WebsocketCommunicator, *, hints: Collection[str] = ()
) -> AsyncIterator[Socket]:
    """The socket of a handshake that is accepted, closed at the end."""
    await caught_up()
    connected, subprotocol = await communicator.connect(timeout=5)
    assert (connected, subprotocol) == (True, "im.v1")
    ready = json.loads(await communicator.receive_from(5))
    try:
        yield Socket(communicator, ready, hints)
    finally:
        await communicator.disconnect()


async def say_hello(socket: Socket, cast: Cast, client_id: str = "c1") -> dict[str, Any]:
    """Sends "hello" into the room of the cast, and gives the ack."""
    return await socket.ask(
        "message.send", room_identity=cast.room.pk, client_id=client_id, data="hello"
    )
