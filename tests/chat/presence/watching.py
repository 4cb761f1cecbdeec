"""Watches who is said to be online, and moves the clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from accounts import services as accounts
from accounts.models import User
from chat.presence import current_presence
from imsystem.threads import run_in_thread
from tests.sockets import Socket, socket_of


@asynccontextmanager
async def watching(user: User) -> AsyncIterator[Socket]:
    async with socket_of(user, hints=["presence"]) as socket:
        await later(0)
        yield socket


async def later(seconds: float) -> None:
    """Lets the process do everything that is due within so many seconds."""
    await current_presence().work(monotonic() + seconds)


async def set_privacy(user: User, **settings: Any) -> None:
    await run_in_thread(accounts.update_profile, user=user, **settings)
    await later(0)


async def heard(socket: Socket) -> list[tuple[str, bool]]:
    """Returns the users that the socket has been told of so far."""
    await socket.say(type="ping", id="end")
    frames = [await socket.hear()]
    while frames[-1].get("id") != "end":
        frames.append(await socket.hear())
    shown = [frame for frame in frames if frame["type"] == "presence"]
    assert all(frame.keys() == {"type", "user_identity", "online"} for frame in shown)
    return [(frame["user_identity"], frame["online"]) for frame in shown]
