"""The largest body a request may have.

Django writes a body to disk before it looks at the address, the sign-in or anything else, however
long it is: without this, whoever reaches the port could fill the disk.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings

from imsystem.errors import TooLarge
from imsystem.http.problems import CONTENT_TYPE, app_error_body

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# A client that is cut off while it sends sees a broken connection, not the answer. So a bit more
# is read and thrown away, for a moment.
DRAINED_BYTES = 64 * 1024 * 1024
DRAINED_S = 5.0


async def within_limit(application: Any, scope: Scope, receive: Receive, send: Send) -> None:
    """Runs an ASGI application for one HTTP request; answers 413 in its place when the body is
    longer than settings.MAX_BODY_BYTES, whether the client says so or not."""
    counted = _Counted(receive)
    if _announced(scope) <= settings.MAX_BODY_BYTES:
        await application(scope, counted, send)
    else:
        counted.exceeded = True
    if counted.exceeded:
        await drain(receive)
        await _refuse(scope, send)


class _Counted:
    """`receive` until the limit; from there on the client seems to be gone, and Django drops what
    it has written."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = settings.MAX_BODY_BYTES
        self.exceeded = False

    async def __call__(self) -> dict[str, Any]:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left >= 0:
            return message
        self.exceeded = True
        return {"type": "http.disconnect"}


def _announced(scope: Scope) -> int:
    """The Content-Length; 0 when there is none (servers refuse what is no number)."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() else 0


async def drain(receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
    """Reads on for a moment, so that the client is still there to read the answer."""
    left = DRAINED_BYTES
    try:
        async with asyncio.timeout(DRAINED_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


async def _refuse(scope: Scope, send: Send) -> None:
    error = TooLarge()
    body, kind = str(error.detail).encode(), "text/plain; charset=utf-8"
    if scope["path"].startswith("/api/"):
        body, kind = json.dumps(app_error_body(error)).encode(), CONTENT_TYPE
    headers = {
        "content-type": kind,
        "content-length": str(len(body)),
        "x-content-type-options": "nosniff",
        "connection": "close",
    }
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
