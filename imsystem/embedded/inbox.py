"""What a socket's server has heard and its application has not taken yet."""

import asyncio
from typing import Any


class Inbox:
    """An asyncio.Queue for one reader, of as much as uvicorn uses: that one has three deques and an
    event, 3 KB, and stands empty in 10,000 idle sockets."""

    __slots__ = ("_messages", "_reader")

    def __init__(self) -> None:
        # Of one read of the socket: while there are several, nothing more is read.
        self._messages: list[dict[str, Any]] = []
        self._reader: asyncio.Future[None] | None = None

    def put_nowait(self, message: dict[str, Any]) -> None:
        self._messages.append(message)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> dict[str, Any]:
        """The next message, when there is one."""
        while not self._messages:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._messages.pop(0)

    def empty(self) -> bool:
        return not self._messages

    def several(self) -> bool:
        return len(self._messages) > 1
