"""An echo behind the server of `manage.py up`, for Autobahn's cases.

    python -m tests.hostile.echo FD

Protocol classes and settings are the product's. Only what the cases need is different: messages of
16 MB, and no pings of the server's own.
"""

import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from imsystem.embedded.web import configuration

LARGEST_CASE = 16 * 1024 * 1024
Message = dict[str, Any]


async def echo(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[..., Awaitable[None]]
) -> None:
    """Accepts every socket and echoes what it receives."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        said = {key: message[key] for key in ("text", "bytes") if message.get(key) is not None}
        await send({"type": "websocket.send", **said})


def main(descriptor: int) -> None:
    config = configuration()
    config.app, config.lifespan = echo, "off"
    config.ws_max_size, config.ws_ping_interval = LARGEST_CASE, None
    uvicorn.Server(config).run([socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    main(int(sys.argv[1]))
