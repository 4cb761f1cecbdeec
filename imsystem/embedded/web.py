"""A web worker: uvicorn on the supervisor's socket.

    python -m imsystem.embedded.web FD                      serves
    python -m imsystem.embedded.web FD prepare [PART...]    prepares the databases first

Exit code REFUSED after one line that says what is wrong with databases or configuration.
"""

import asyncio
import gc
import signal
import socket
import sys
import time
from typing import Any, cast

import uvicorn

from imsystem.client_limits import FRAME_BYTES
from imsystem.embedded import UpError
from imsystem.embedded.control import REFUSED, say_ready, wait_for_turn
from imsystem.embedded.http import HttpProtocol
from imsystem.embedded.prepare import prepare
from imsystem.embedded.proxies import FromProxies
from imsystem.embedded.setup import setup_django
from imsystem.embedded.websocket import WebSocketProtocol
from imsystem.ops import stdio
from imsystem.realtime.draining import drain

# Whoever said nothing for so long is asked, and has so long to answer: a line that died is known
# after 50 s. Clients say something each 25 s (chat/snapshot.py); those of the original never do.
PING_S = 30.0
PONG_WITHIN_S = 20.0
GRACEFUL_STOP_S = 5
# Python's own is 700 objects: less than ten sockets that connect. A look at 20,000 of them took
# 10 ms, one at the 400,000 of twenty such looks 320 ms, in which nobody was served.
GC_THRESHOLDS = (5_000, 10, 100)
# How long clients may take to answer a close frame. Whoever is hung up on while they still send may
# never read it, and sees a broken connection instead.
CLOSED_WITHIN_S = 1.0


class Server(uvicorn.Server):
    """Tells the supervisor when it serves, and ends its sockets in peace."""

    def __init__(self, config: uvicorn.Config, control: socket.socket) -> None:
        super().__init__(config)
        self._control = control

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        calm_garbage_collection()
        say_ready(self._control)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Uvicorn's own would hang up on all sockets at once, messages under way or not."""
        for server in self.servers:
            server.close()
        await drain()
        await self._all_closed()
        await super().shutdown(sockets)

    async def _all_closed(self) -> None:
        deadline = time.monotonic() + CLOSED_WITHIN_S
        while time.monotonic() < deadline:
            connections = self.server_state.connections
            if not any(getattr(connection, "close_sent", False) for connection in connections):
                return
            await asyncio.sleep(0.02)


def calm_garbage_collection() -> None:
    """What was imported stays for good, and sockets leave nothing behind that needs collecting."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def configuration() -> uvicorn.Config:
    """What the socket's protocol (docs/protocol.md) and the measurements ask for."""
    setup_django()
    from channels.routing import get_default_application
    from django.conf import settings

    trusted, served = settings.TRUSTED_PROXIES, cast(Any, get_default_application())
    return uvicorn.Config(
        # X-Forwarded-For and -Proto of these peers give a request its client and its scheme.
        FromProxies(served, trusted) if trusted else served,
        interface="asgi3",
        loop="uvloop",
        # h11 refuses what proxies and servers may read differently (tests/hostile).
        http=HttpProtocol,
        # On websockets-sansio: 83,000 deliveries/s into a room of 200; Daphne 14,000 (2 cores, same
        # consumer).
        ws=WebSocketProtocol,
        ws_max_size=FRAME_BYTES,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PONG_WITHIN_S,
        ws_per_message_deflate=False,
        lifespan="on",
        proxy_headers=False,  # FromProxies
        server_header=False,
        access_log=False,
        log_config=None,  # Django's (settings.LOGGING)
        log_level="warning",
        timeout_graceful_shutdown=GRACEFUL_STOP_S,
    )


def main(descriptor: int, mode: str = "", *external: str) -> int:
    stdio.install()
    # As an exception, so that an interrupted migration gives its lock back.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    config = configuration()
    control = wait_for_turn()
    if mode == "prepare":
        try:
            prepare(external)
        except UpError as exc:
            print(f"error: {exc}", file=sys.stderr, flush=True)
            return REFUSED
    # Not uvicorn's --fd: it takes every socket for a Unix socket, and clients have no address.
    Server(config, control).run([socket.socket(fileno=descriptor)])
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:]))
