"""WebSocket as uvicorn speaks it, but for frames that cost the server more than the client."""

from asyncio import BaseTransport, TimerHandle
from typing import Any

from django.conf import settings
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import Protocol
from websockets.protocol import State as ConnectionState
from websockets.streams import StreamReader

from imsystem.embedded.connections import current_connections
from imsystem.embedded.inbox import Inbox
from imsystem.http.identified import bare_answer
from imsystem.ops import metrics
from imsystem.realtime import close_codes
from imsystem.realtime.wire import only_text_frame

# How long a socket that is told to close may take to read that and what was sent before.
ENDED_WITHIN_S = 10.0
# Frames that say nothing: pings, pongs, empty fragments. Clients send a ping every 20 s or so.
MAX_IDLE_PER_S = 100


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Differs from uvicorn's in thirteen things:

    - text that is no UTF-8 is closed with 1007 as there, but without a traceback in the log;
    - fragments are kept in one buffer: 65,000 of one byte took 2.5 MB as a list, and empty ones,
      which no limit counts, had no end;
    - more than MAX_IDLE_PER_S idle frames in a second are answered by 4429. The application never
      sees them, so its limits do not hold for them;
    - a handshake that websockets does not read on (lines over 8 KiB, more than 128 headers) gets
      an answer. There it keeps the connection for ever, for anybody;
    - frames that are made once for many sockets are taken as they are (`write_frames`). Through
      send() each is made anew for each socket;
    - a read that finds one whole text frame, as nearly every one does, is not parsed by websockets;
    - reading pauses when a second message waits, not with each: that took two system calls more;
    - who was heard from is not pinged: a client that keeps its heartbeat never is;
    - while it is open it keeps nothing of the handshake, and its queue is an Inbox: 8 KB less;
    - a message, however many frames it has, must be there in settings.MESSAGE_WITHIN_S: whoever
      sends one byte now and then is never pinged;
    - when it is closed and the client reads nothing it ends all the same. There close() waits for
      what is still to be sent, which may be for ever;
    - a handshake that was answered over HTTP counts as completed. There each refusal is an error in
      the log;
    - at its end it can be freed at once.
    """

    queue: Inbox  # type: ignore[assignment]  # in place of an asyncio.Queue
    _fragments: bytearray | None = None
    _second = 0
    _idle = 0
    _heard = 0.0
    _message_timer: TimerHandle | None = None
    _end_timer: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.queue = Inbox()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        event.headers.clear()  # the parser holds it as long as it lives

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True
        if message["type"] == "websocket.accept":
            self.scope["headers"].clear()  # type: ignore[attr-defined]
        elif self.close_sent:
            self._end_soon()

    def data_received(self, data: bytes) -> None:
        self._heard = self.loop.time()
        text = (
            only_text_frame(data, self.config.ws_max_size) if _between_messages(self.conn) else None
        )
        if text is not None:
            self._hear(text)
            return
        super().data_received(data)
        self._wait_for_message()
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.handshake_complete = self.close_sent = True
            self.transport.write(bare_answer("431 Request Header Fields Too Large"))
            self.transport.close()
        if self.close_sent or self.transport.is_closing():
            self._end_soon()

    def send_keepalive_ping(self) -> None:
        rest_s = self._heard + (self.ping_interval or 0) - self.loop.time()
        if rest_s > 0:
            self.ping_timer = self.loop.call_later(rest_s, self.send_keepalive_ping)
        else:
            super().send_keepalive_ping()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._end_soon()

    def _wait_for_message(self) -> None:
        """To be called when something was read that was not one whole message."""
        if self.close_sent or _between_messages(self.conn):
            self._stop_waiting()
        elif self._message_timer is None and self.handshake_complete:
            within_s = settings.MESSAGE_WITHIN_S
            self._message_timer = self.loop.call_later(within_s, self._message_is_late)

    def _stop_waiting(self) -> None:
        if self._message_timer is not None:
            self._message_timer.cancel()
            self._message_timer = None

    def _message_is_late(self) -> None:
        self._message_timer = None
        if not self.close_sent:
            metrics.dropped.labels("body").inc()
            self._fail(close_codes.TOO_SLOW, "too slow")

    def _end_soon(self) -> None:
        if self._end_timer is None and not self.disconnected:
            self._end_timer = self.loop.call_later(ENDED_WITHIN_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        current_connections().leave(self.transport)
        self._stop_waiting()
        if self._end_timer is not None:
            self._end_timer.cancel()
        super().connection_lost(exc)
        # These hold the connection, which holds them: only the garbage collector would find them.
        self.conn.parser.close()
        self.conn.parser_exc = self.conn.handshake_exc = None

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
        self._stop_waiting()  # the next message has as long again
        if self.curr_msg_data_type == "text":
            text, self.frames = self.frames[0], []
            self._hear(text)
        else:
            super().send_receive_event_to_app()

    def _hear(self, text: bytes) -> None:
        """Gives the application a text message."""
        if self.close_sent:
            return
        try:
            self.queue.put_nowait({"type": "websocket.receive", "text": text.decode()})
        except UnicodeDecodeError:
            self._fail(close_codes.BAD_TEXT, "no UTF-8")
            return
        if not self.read_paused and self.queue.several():
            self.read_paused = True  # until receive() has taken them all
            self.transport.pause_reading()

    def _in_measure(self) -> bool:
        if self.close_sent:
            return False
        now = int(self.loop.time())
        if now != self._second:
            self._second, self._idle = now, 0
        self._idle += 1
        if self._idle <= MAX_IDLE_PER_S:
            return True
        self._fail(close_codes.FLOODING, "too many frames")
        return False

    def _fail(self, code: int, reason: str) -> None:
        self.conn.fail(code, reason)
        self.handle_parser_exception()
        self._end_soon()


def _between_messages(conn: Protocol) -> bool:
    """The socket is open, and its parser waits for the first byte of a message."""
    if conn.state is not ConnectionState.OPEN or conn.current_size is not None:
        return False
    waiting: Any = conn.parser
    while waiting.gi_yieldfrom is not None:
        waiting = waiting.gi_yieldfrom
    return waiting.gi_code is StreamReader.at_eof.__code__
