"""A WebSocket client that writes whatever bytes it likes."""

import json
import os
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from tests.hostile.target import ANSWER_S, Target

SLOW_AT_MOST_S = 30.0
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
HELLO = (
    b"GET /ws/ HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def frame(
    payload: bytes = b"",
    opcode: int = TEXT,
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    claimed: int | None = None,
) -> bytes:
    """Returns a frame as it goes over the wire; `claimed`: the length it says it has."""
    size = len(payload) if claimed is None else claimed
    head = bytes([fin << 7 | rsv << 4 | opcode])
    bit = masked << 7
    if size < 126:
        head += bytes([bit | size])
    elif size < 65_536:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    return head + (bytes(4) if masked else b"") + payload  # masked with zeros: as it is


class Wire:
    """One connection. `close_code`: what the server said at the end."""

    def __init__(
        self,
        target: Target,
        extra: bytes = b"",
        *,
        path: bytes = b"/ws/",
        change: tuple[bytes, bytes] = (b"", b""),
        over: socket.socket | None = None,
    ) -> None:
        """Opens one with more header lines, another path, or something in the handshake changed;
        `over` a socket with options of its own."""
        self._socket = over or socket.socket()
        self._socket.settimeout(ANSWER_S)
        self._socket.connect(("127.0.0.1", target.port))
        self._rest = b""
        host = f"Host: {target.host}\r\n".encode()
        hello = HELLO.replace(b"/ws/", path, 1) + host + extra + b"\r\n"
        self.send(hello.replace(*change, 1) if change[0] else hello)
        self.head = self._until(b"\r\n\r\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        with suppress(ConnectionError):  # the server need not wait for the end of what it refuses
            self._socket.sendall(data)

    def next(self) -> tuple[int, bytes]:
        """Returns opcode and payload of the next frame; EOFError when there is none."""
        first, second = self._take(2)
        size = second & 127
        if size == 126:
            (size,) = struct.unpack(">H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._take(8))
        return first & 15, self._take(size)

    def hear(self, opcode: int = TEXT) -> bytes:
        """Returns the payload of the next frame of this kind."""
        while True:
            kind, payload = self.next()
            if kind == opcode:
                return payload

    def answer(self) -> Any:
        """Returns the next ack or error."""
        while True:
            heard = json.loads(self.hear())
            if heard["type"] in {"ack", "error"}:
                return heard

    def close_code(self) -> int:
        """Waits for the end and returns the close code; 0 when the server hung up without one."""
        with suppress(EOFError, ConnectionError):
            payload = self.hear(CLOSE)
            return int.from_bytes(payload[:2], "big")
        return 0

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            self._read()
        head, _, self._rest = self._rest.partition(mark)
        return head

    def _take(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._read()
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def _read(self) -> None:
        piece = self._socket.recv(65_536)
        if not piece:
            raise EOFError(self._rest)
        self._rest += piece


def bearer(token: str) -> bytes:
    return b"Sec-WebSocket-Protocol: im.v1\r\nAuthorization: Bearer " + token.encode() + b"\r\n"


def masked_randomly(payload: bytes, opcode: int = TEXT) -> bytes:
    """Closes as a browser does."""
    mask = os.urandom(4)
    plain = frame(payload, opcode)
    head = plain[: len(plain) - len(payload) - 4]
    return head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))


class SlowHandshakes:
    """Connections on which a handshake begins and does not go on, or only byte by byte."""

    def __init__(self, target: Target) -> None:
        begun = b"GET /ws/ HTTP/1.1\r\nUpgrade: "
        starts = (b"", begun, begun + b"websocket\r\nX-Header: ")
        self._started = time.monotonic()
        self._pool = ThreadPoolExecutor(len(starts))
        self._ended = [self._pool.submit(self._crawl, target, start) for start in starts]

    def seconds(self) -> list[float]:
        """Returns how long the server kept each of them; waits for the last one's end."""
        with self._pool:
            return [future.result() for future in self._ended]

    def _crawl(self, target: Target, start: bytes) -> float:
        with socket.create_connection(("127.0.0.1", target.port), ANSWER_S) as crawling:
            crawling.settimeout(0.5)
            with suppress(ConnectionError):
                crawling.sendall(start)
                while not self._ends(crawling):
                    if start.endswith(b" "):
                        crawling.sendall(b"x")
            return time.monotonic() - self._started

    def _ends(self, crawling: socket.socket) -> bool:
        with suppress(TimeoutError):
            return crawling.recv(1) == b""
        if time.monotonic() - self._started > SLOW_AT_MOST_S:
            raise TimeoutError("it is still waited for")
        return False
