"""A keep-alive HTTP/1.1 client of 50 lines: general ones cost more than the server's answer."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from bench import BenchError

TRIES = 5
TRY_AGAIN_S = 0.2


class Connection:
    """One connection to the API, for one request at a time."""

    def __init__(self, url: str, token: str) -> None:
        self.unavailable = 0
        self.host = urlsplit(url).netloc
        self.head = (
            f"Host: {self.host}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\n"
        )

    async def open(self) -> None:
        host, _colon, port = self.host.partition(":")
        self.reader, self.writer = await asyncio.open_connection(host, int(port), limit=2**22)

    async def get(self, path: str) -> bytes:
        """Returns the body. Raises BenchError for anything but a 200."""
        return await self._ask(f"GET {path} HTTP/1.1\r\n{self.head}\r\n".encode())

    async def post(self, path: str, body: Mapping[str, str]) -> bytes:
        """Returns the body. Raises BenchError for anything but a 201, or a 200 for a repeated
        message."""
        text = msgspec.json.encode(body)
        head = f"POST {path} HTTP/1.1\r\n{self.head}Content-Length: {len(text)}\r\n\r\n"
        return await self._ask(head.encode() + text)

    async def _ask(self, request: bytes) -> bytes:
        """Asks again as long as the server says 503, which a busy one may; counts it."""
        for _try in range(TRIES):
            status, body = await self._ask_once(request)
            if status in (200, 201):
                return body
            if status != 503:
                break
            self.unavailable += 1
            await asyncio.sleep(TRY_AGAIN_S)
        raise BenchError(f"the API answered {status}: {body[:200]!r}")

    async def _ask_once(self, request: bytes) -> tuple[int, bytes]:
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        lines = head.split("\r\n")
        length = next((line for line in lines if line.startswith("content-length:")), ":0")
        body = await self.reader.readexactly(int(length.partition(":")[2]))
        return int(lines[0].split()[1]), body

    def close(self) -> None:
        self.writer.close()
