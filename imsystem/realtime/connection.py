"""The sending side of one socket: never waited for, and cut when it falls too far behind."""

import asyncio
import logging
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any

logger = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]

CLOSE_TOO_FAR_BEHIND = 4413
# Beyond what the server's write buffer (64 KiB) and the kernel hold already.
MAX_WAITING_BYTES = 1024 * 1024
# How long a socket that is cut may take to read its close frame.
CUT_GRACE_S = 10.0


@types.coroutine
def _finish(started: Coroutine[Any, Any, None], waiting_for: Any) -> Generator[Any, Any, None]:
    """Drives a coroutine on that was started by hand and came to wait for `waiting_for`."""
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
        "_writer",
        "declines",
        "topics",
        "user_identity",
    )

    def __init__(self, user_identity: str, send: Send, abort: Callable[[], None]) -> None:
        self.user_identity = user_identity
        self.topics: set[str] = set()
        # The kinds of events (Deliver.about) it does not get; None until that is known: none.
        self.declines: frozenset[str] | None = None
        self._send = send
        self._abort = abort
        self._held = True
        self._closing = False
        self._waiting: deque[dict[str, Any]] = deque()
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None

    @property
    def closing(self) -> bool:
        """True once the socket was told to close: whatever it still says is not listened to."""
        return self._closing

    def release(self, first_frame: str) -> None:
        """Sends `first_frame`, then everything that was pushed until now."""
        self._held = False
        self._waiting.appendleft({"type": "websocket.send", "text": first_frame})
        self._waiting_bytes += len(first_frame)
        self._write_waiting()

    def push(self, frame: str) -> None:
        """Sends one text frame now if the socket takes it, else queues it."""
        self._put({"type": "websocket.send", "text": frame}, len(frame))

    def close(self, code: int) -> None:
        """Closes the socket after what is queued."""
        if not self._closing:
            self._held = False
            self._put({"type": "websocket.close", "code": code}, 0)
            self._closing = True

    def _put(self, message: dict[str, Any], size: int) -> None:
        if self._closing:
            return
        self._waiting.append(message)
        self._waiting_bytes += size
        if self._waiting_bytes > MAX_WAITING_BYTES:
            self._cut()
        elif self._writer is None and not self._held:
            self._write_waiting()

    def _write_waiting(self) -> None:
        """Writes until the queue is empty or the socket makes us wait.

        The server's send() waits only while its buffer is full. Starting it by hand saves a task
        for every frame and recipient.
        """
        while self._waiting:
            message = self._waiting.popleft()
            self._waiting_bytes -= len(message.get("text", ""))
            sending = self._send(message)
            try:
                waiting_for = sending.send(None)
            except StopIteration:
                continue
            except Exception as exc:  # a dead socket; its consumer ends by itself
                self._stop(exc)
                return
            self._writer = asyncio.get_running_loop().create_task(
                self._write_slowly(_finish(sending, waiting_for))
            )
            return

    async def _write_slowly(self, current: Coroutine[Any, Any, None]) -> None:
        try:
            await current
            while self._waiting:
                message = self._waiting.popleft()
                self._waiting_bytes -= len(message.get("text", ""))
                await self._send(message)
        except Exception as exc:
            self._stop(exc)
        finally:
            self._writer = None

    def _stop(self, exc: Exception) -> None:
        logger.debug("socket of %s is gone: %r", self.user_identity, exc)
        self.discard()

    def _cut(self) -> None:
        """Drops what waits, says 4413 if the client reads again, and hangs up if it does not."""
        logger.info("socket of %s is too far behind and is cut", self.user_identity)
        self._waiting.clear()
        self._waiting_bytes = 0
        self._held = False
        self.close(CLOSE_TOO_FAR_BEHIND)
        asyncio.get_running_loop().call_later(CUT_GRACE_S, self._abort)

    def discard(self) -> None:
        """Drops what is queued; nothing is sent from now on."""
        self._closing = True
        self._waiting.clear()
        self._waiting_bytes = 0
        if self._writer is not None:
            self._writer.cancel()
