"""HTTP/1.1 as uvicorn speaks it, but not for ever: who sends a request's head byte by byte, or
never reads an answer, would keep a connection, and a file descriptor, as long as they like."""

import asyncio

import h11
from django.conf import settings
from uvicorn.protocols.http.h11_impl import H11Protocol

from imsystem.embedded.connections import current_connections
from imsystem.http.identified import bare_answer
from imsystem.ops import metrics

# A client that still sends when it is answered sees a broken connection, not the answer, when it is
# hung up on. So what it sends is thrown away for a while.
LINGER_S = 10.0
# The rest is thrown away at leisure, a piece (256 KiB at most) each time: fourteen uploads of 4 MiB
# that were refused at the same moment made everybody wait 60 ms.
PIECE_EACH_S = 0.008
# Looks at an answer that waits to be read, within settings.ANSWER_STALLED_S.
LOOKS = 2


class HttpProtocol(H11Protocol):
    """Hangs up

    - when there is no room for one more connection (imsystem/embedded/connections.py);
    - when the head of a request is not there in time. How fast a body must come is
      imsystem/http/body_limit.py's concern, idle connections between requests uvicorn's own
      (timeout_keep_alive);
    - when an answer is not read: nothing of it goes out, or next to nothing;
    - after an answer that came before the end of the request, once the client can have read it.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _look_timer: asyncio.TimerHandle | None = None
    _ending = False
    # Bytes of answers written so far; how many of them had gone out at the last look, and how many
    # had not.
    _written = 0
    _gone = 0
    _waiting = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if current_connections().enter(transport):
            self._wait_for_head()
        else:
            self._ending = True
            transport.write(bare_answer("503 Service Unavailable", Retry_After="5"))
            transport.close()

    def data_received(self, data: bytes) -> None:
        if self._ending:
            self._rest()
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            current_connections().busy(self.transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()
        current_connections().leave(self.transport)
        super().connection_lost(exc)

    # --- heads -----------------------------------------------------------------------------

    def _wait_for_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(settings.HEAD_WITHIN_S, self._head_is_late)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        metrics.dropped.labels("head").inc()
        self.transport.close()

    # --- answers ---------------------------------------------------------------------------

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not None and self.cycle.transport is self.transport:
            self.cycle.transport = _Way(self)  # type: ignore[assignment]

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        current_connections().busy(self.transport)
        self._let_go()  # the connection is another protocol's from here on
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP. Uvicorn's answer would not say how the request is called."""
        answer = bare_answer("400 Bad Request", msg)
        self.transport.write(answer)
        self.transport.close()
        self.watch(len(answer))

    def on_response_complete(self) -> None:
        if self._ending:
            return
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self.end()
        elif self.conn.their_state is h11.IDLE:
            current_connections().idle(self.transport)

    def end(self) -> None:
        """Closes the connection after what is written, and not before the client can read it."""
        if self._ending:
            return
        if self.conn.their_state is not h11.SEND_BODY:
            self.transport.close()
            return
        self._ending = True
        current_connections().idle(self.transport)
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.abort)

    def _rest(self) -> None:
        """Does not read on for a moment."""
        self.flow.pause_reading()
        self.loop.call_later(PIECE_EACH_S, self._read_on)

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _let_go(self) -> None:
        """Leaves no timer, and nothing that only the garbage collector would find."""
        self._stop_waiting()
        if self._look_timer is not None:
            self._look_timer.cancel()
            self._look_timer = None
        if self.cycle is not None:
            self.cycle.transport = self.transport

    def watch(self, size: int) -> None:
        """Some bytes of an answer were written: looks from time to time whether they go out."""
        self._written += size
        if self._look_timer is None:
            self._look_later()

    def _look_later(self) -> None:
        after_s = settings.ANSWER_STALLED_S / LOOKS
        self._look_timer = self.loop.call_later(after_s, self._look)

    def _look(self) -> None:
        """Hangs up when less has gone out since the last look than waited then, and less than
        the lowest rate. So a connection is given up after one or two of these looks."""
        self._look_timer = None
        waiting = self.transport.get_write_buffer_size()
        gone = self._written - waiting
        enough = settings.LOWEST_BYTES_PER_S * settings.ANSWER_STALLED_S / LOOKS
        if gone - self._gone < min(self._waiting, enough):
            metrics.dropped.labels("answer").inc()
            self.transport.abort()
            return
        self._gone, self._waiting = gone, waiting
        if waiting:
            self._look_later()


class _Way:
    """What an answer is written to: the connection, which is told of it."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: HttpProtocol) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        self._protocol.transport.write(data)
        self._protocol.watch(len(data))

    def is_closing(self) -> bool:
        return self._protocol.transport.is_closing()

    def close(self) -> None:
        self._protocol.end()
