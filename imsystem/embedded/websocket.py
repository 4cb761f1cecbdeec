"""WebSocket as uvicorn speaks it, but for frames that cost the server more than the client."""

from asyncio import BaseTransport
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from imsystem.embedded.inbox import Inbox

CLOSE_BAD_TEXT = 1007
CLOSE_FLOODING = 4429
# Frames that say nothing: pings, pongs, empty fragments. Clients send a ping every 20 s or so.
MAX_IDLE_PER_S = 100
TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Connection: close\r\nContent-Length: 0\r\n\r\n"
)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Differs from uvicorn's in seven things:

    - text that is no UTF-8 is closed with 1007 as there, but without a traceback in the log;
    - fragments are kept in one buffer: 65,000 of one byte took 2.5 MB as a list, and empty ones,
      which no limit counts, had no end;
    - more than MAX_IDLE_PER_S idle frames in a second are answered by 4429. The application never
      sees them, so its limits do not hold for them;
    - a handshake that websockets does not read on (lines over 8 KiB, more than 128 headers) gets
      an answer. There it keeps the connection for ever, for anybody;
    - frames that are made once for many sockets are taken as they are (`write_frames`). Through
      send() each is made anew for each socket;
    - while it is open it keeps nothing of the handshake, and its queue is an Inbox: 8 KB less;
    - at its end it can be freed at once.
    """

    _fragments: bytearray | None = None
    _second = 0
    _idle = 0

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.queue = Inbox()  # type: ignore[assignment]

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        event.headers.clear()  # the parser holds it as long as it lives

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            self.scope["headers"].clear()  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.handshake_complete = self.close_sent = True
            self.transport.write(TOO_LONG)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # Its frame holds the parser, which holds it: only the garbage collector would find them.
        self.conn.parser.close()

    def write_frames(self, wire: bytes) -> bool:
        """Writes whole frames, unless they have to wait or come too late: then send() knows why."""
        if not self.writable.is_set() or self.close_sent or self.transport.is_closing():
            return False
        self.transport.write(wire)
        return True

    def handle_ping(self) -> None:
        if self._in_measure():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self._in_measure():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        if self.close_sent or not (event.data or event.fin or self._in_measure()):
            return
        if self._fragments is None:
            self._fragments = bytearray(self.frames[0])
        self._fragments += event.data
        if event.fin:
            self.frames, self._fragments = [bytes(self._fragments)], None
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                self.frames[0].decode()
            except UnicodeDecodeError:
                self._fail(CLOSE_BAD_TEXT, "no UTF-8")
                return
        super().send_receive_event_to_app()

    def _in_measure(self) -> bool:
        if self.close_sent:
            return False
        now = int(self.loop.time())
        if now != self._second:
            self._second, self._idle = now, 0
        self._idle += 1
        if self._idle <= MAX_IDLE_PER_S:
            return True
        self._fail(CLOSE_FLOODING, "too many frames")
        return False

    def _fail(self, code: int, reason: str) -> None:
        self.conn.fail(code, reason)
        self.handle_parser_exception()
