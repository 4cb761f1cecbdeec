"""The attacker of bench/budget.py: a process that asks for too much until it is killed.

python -m bench.attacks      reads {"name", "url", "token", "room"} from its standard input
"""

import asyncio
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from secrets import token_hex
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from bench.processes import raise_file_limit

OURS = "127.0.0.2"  # the user comes from 127.0.0.1
MIB = 1024 * 1024
DOWNLOAD = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
PAUSE_S = 0.05
GONE = (OSError, EOFError, WebSocketException, asyncio.IncompleteReadError)


class Attacker:
    """What one address can do with one account."""

    def __init__(self, name: str, url: str, token: str, room: str) -> None:
        self.name, self.room = name, room
        self.host = urlsplit(url).netloc
        self.port = int(self.host.rpartition(":")[2])
        self.bearer = f"Bearer {token}"

    async def run(self) -> None:
        ways: dict[str, tuple[int, Callable[[], Awaitable[None]]]] = {
            "uploads": (30, self.upload),
            "downloads": (200, self.download),
            "connections": (1_100, self.connect),
            "sync": (3, self.sync),
            "typing": (45, self.type),
            "schema": (4, lambda: self.ask("/api/schema/")),
            "rooms": (4, lambda: self.ask("/api/v1/rooms/")),
        }
        count, attack = ways[self.name]
        await asyncio.gather(*(_again(attack) for _ in range(count)))

    def head(self, method: str, path: str, *more: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", *more]
        return "\r\n".join([*lines, f"Authorization: {self.bearer}", "", ""]).encode()

    async def line(self, window: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """`window`: what is taken before it is read."""
        raw = socket.socket()
        if window:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        raw.setblocking(False)
        raw.bind((OURS, 0))
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.port))
        return await asyncio.open_connection(sock=raw, limit=window or 2**16)

    async def upload(self) -> None:
        """Sends most of a picture, and then a byte now and then."""
        reader, writer = await self.line()
        length = f"Content-Length: {5 * MIB}"
        writer.write(self.head("PUT", "/api/v1/users/me/avatar/", length) + b"x" * (4 * MIB))
        with suppress(TimeoutError):
            while not reader.at_eof():
                writer.write(b"x")
                async with asyncio.timeout(1):
                    await reader.read(1_024)
        writer.close()

    async def download(self) -> None:
        reader, writer = await self.line(window=4_096)
        writer.write(self.head("GET", DOWNLOAD))
        await asyncio.sleep(60)
        writer.close()
        del reader

    async def connect(self) -> None:
        reader, writer = await self.line()
        await reader.read()
        writer.close()

    async def sync(self) -> None:
        rooms = {token_hex(12): {"seq": 0, "revision": 0} for _ in range(1_000)}
        async with self.socket() as opened:
            while True:
                await opened.send(json.dumps({"type": "sync", "id": "s", "rooms": rooms}))
                while json.loads(await opened.recv()).get("id") != "s":
                    continue

    async def type(self) -> None:
        async with self.socket() as opened:
            while True:
                await opened.send(json.dumps({"type": "typing", "room_identity": self.room}))
                await asyncio.sleep(0.02)

    async def ask(self, path: str) -> None:
        reader, writer = await self.line()
        while True:
            writer.write(self.head("GET", path))
            lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
            length = next(line for line in lines if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))

    def socket(self) -> connect:
        return connect(
            f"ws://{self.host}/ws/",
            additional_headers={"Authorization": self.bearer},
            compression=None,
            max_size=None,
            local_addr=(OURS, 0),
        )


async def _again(attack: Callable[[], Awaitable[None]]) -> None:
    while True:
        with suppress(*GONE):
            await attack()
        await asyncio.sleep(PAUSE_S)


if __name__ == "__main__":
    raise_file_limit()
    asyncio.run(Attacker(**json.load(sys.stdin)).run())
