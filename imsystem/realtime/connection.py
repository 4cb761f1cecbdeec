"""The sending side of one socket: never waited for, and cut when it falls too far behind."""

import asyncio
import logging
import types
from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any

from imsystem.ops import metrics
from imsystem.realtime import close_codes
from imsystem.realtime.topics import Topic
from imsystem.realtime.wire import text_frame

logger = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]
# Takes the bytes of whole frames. Returns False for "not now, send them the other way".
WriteFrames = Callable[[bytes], bool]

# Beyond what the server's write buffer (64 KiB) and the kernel hold already. A frame in line takes
# 250 bytes besides its text.
MAX_WAITING_BYTES = 1024 * 1024
MAX_WAITING_FRAMES = 4_096
# How long a socket that is cut may take to read its close frame.
CUT_GRACE_S = 10.0


@types.coroutine
def _finish(started: Coroutine[Any, Any, None], waiting_for: Any) -> Generator[Any, Any, None]:
    """Drives a coroutine on that was started by hand and is waiting for `waiting_for`."""
    try:
        while True:
            yield waiting_for
            waiting_for = started.send(None)
    except StopIteration:
        return
    finally:
        started.close()


class Connection:
    """One socket as the hub sees it. Everything here runs on the event loop and never blocks.

    Frames pushed before `release()` wait, so that `ready` is the first frame on every socket.
    """

    __slots__ = (
        "_abort",
        "_closing",
        "_held",
        "_send",
        "_waiting",
        "_waiting_bytes",
        "_write_frames",
        "_writer",
        "connection_id",
        "declines",
        "topics",
        "user_identity",
    )

    def __init__(
        self,
        user_identity: str,
        send: Send,
        abort: Callable[[], None],
        write_frames: WriteFrames | None = None,
        *,
        connection_id: str = "",
    ) -> None:
        self.user_identity = user_identity
        self.connection_id = connection_id
        self.topics: set[Topic] = set()
        # The kinds of events (Deliver.category) it does not get; None until that is known, which
        # means none.
        self.declines: frozenset[str] | None = None
        self._send = send
        self._abort = abort
        self._write_frames = write_frames or _takes_none
        self._held = True
        self._closing = False
        # Nearly always empty, and then it takes a tenth of an empty deque's 0.7 KB; at its longest,
        # taking the first item is a microsecond.
        self._waiting: list[dict[str, Any]] = []
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None

    @property
    def closing(self) -> bool:
        """True once the socket was told to close: whatever it still sends is ignored."""
        return self._closing

    def release(self, first_frame: str) -> None:
        """Sends `first_frame`, then everything that was pushed until now."""
        if self._closing:
            return
        self._held = False
        self._waiting.insert(0, {"type": "websocket.send", "text": first_frame})
        self._waiting_bytes += _size(first_frame)
        self._write_waiting()

    def push(self, frame: str) -> None:
        """Sends one text frame now if the socket takes it, else queues it."""
        if self._takes_frames():
            self.push_all((frame,), text_frame(frame))
        else:
            self._push(frame)

    def push_all(self, frames: Sequence[str], wire: bytes) -> None:
        """Sends several. `wire`: the bytes of them all, which somebody has made once."""
        if not (self._takes_frames() and self._write_frames(wire)):
            for frame in frames:
                self._push(frame)

    def _takes_frames(self) -> bool:
        return not (self._held or self._closing or self._writer is not None)

    def _push(self, frame: str) -> None:
        if self._closing:
            return
        message = {"type": "websocket.send", "text": frame}
        if self._takes_frames():
            self._write(message)
        else:
            self._wait_in_line(message, _size(frame))

    def close(self, code: int) -> None:
        """Closes the socket after what is queued."""
        if self._closing:
            return
        self._closing = True
        metrics.closed.labels(str(code)).inc()
        self._waiting.append({"type": "websocket.close", "code": code})
        self._held = False
        if self._writer is None:
            self._write_waiting()

    def cut(self, code: int) -> None:
        """Drops what waits, sends `code` if the client reads, and hangs up if it does not."""
        if self._closing:
            return
        self._waiting.clear()
        self._waiting_bytes = 0
        self.close(code)
        asyncio.get_running_loop().call_later(CUT_GRACE_S, self._abort)

    def _wait_in_line(self, message: dict[str, Any], size: int) -> None:
        """Counts what is queued, not what arrives: one long answer alone is no reason to cut."""
        if self._waiting_bytes >= MAX_WAITING_BYTES or len(self._waiting) >= MAX_WAITING_FRAMES:
            told = {"connection_id": self.connection_id}  # the hub's task is not this socket's
            logger.info("socket of %s is too far behind and is cut", self.user_identity, extra=told)
            self.cut(close_codes.TOO_FAR_BEHIND)
            return
        self._waiting.append(message)
        self._waiting_bytes += size

    def _write_waiting(self) -> None:
        """Writes until the queue is empty or the socket makes us wait."""
        while self._waiting and self._writer is None:
            self._write(self._next())

    def _next(self) -> dict[str, Any]:
        message = self._waiting.pop(0)
        self._waiting_bytes -= _size(message.get("text", ""))
        return message

    def _write(self, message: dict[str, Any]) -> None:
        """The server's send() waits only while its buffer is full. Starting it by hand saves a
        task for every frame and recipient."""
        sending = self._send(message)
        try:
            waiting_for = sending.send(None)
        except StopIteration:
            return
        except Exception as exc:  # a dead socket; its consumer ends by itself
            self._stop(exc)
            return
        self._writer = asyncio.get_running_loop().create_task(
            self._write_slowly(_finish(sending, waiting_for))
        )

    async def _write_slowly(self, current: Coroutine[Any, Any, None]) -> None:
        try:
            await current
            while self._waiting:
                await self._send(self._next())
        except Exception as exc:
            self._stop(exc)
        finally:
            self._writer = None

    def _stop(self, exc: Exception) -> None:
        told = {"connection_id": self.connection_id}
        logger.debug("socket of %s is gone: %r", self.user_identity, exc, extra=told)
        self.discard()

    def discard(self) -> None:
        """Drops what is queued; nothing is sent from now on."""
        self._closing = True
        # The owner holds this connection: without these both are freed at once.
        self._send, self._abort, self._write_frames = _send_nothing, _do_nothing, _takes_none
        self._waiting.clear()
        self._waiting_bytes = 0
        if self._writer is not None:
            self._writer.cancel()


async def _send_nothing(message: dict[str, Any]) -> None: ...


def _do_nothing() -> None: ...


def _takes_none(wire: bytes) -> bool:
    return False


def _size(frame: str) -> int:
    """Returns the bytes on the wire, at most. An exact number would mean encoding it once more for
    each socket."""
    return len(frame) if frame.isascii() else 3 * len(frame)
