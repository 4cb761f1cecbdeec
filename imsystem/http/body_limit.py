"""What a request's body may cost: its length, its time, and what all bodies together hold.

Django writes a body to memory or disk before it looks at the address, the sign-in or anything else,
however long it is and however long it takes: without this, anybody who reaches the port could fill
both.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.urls import Resolver404, resolve

from imsystem.errors import AppError, Text, TooLarge, TooSlow
from imsystem.http.held import Held, Known, current_held
from imsystem.http.problems import CONTENT_TYPE, app_error_body, error_headers
from imsystem.ops import metrics
from imsystem.sources import source_of_client

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


IsKnown = Callable[[Scope], bool]

V = TypeVar("V", bound=Callable[..., Any])


@dataclass(frozen=True)
class _Uploads:
    limit: int
    too_large: Text | None = None


_NONE = _Uploads(0)


def _unknown(scope: Scope) -> bool:
    return False


def takes_uploads(limit: int, too_large: Text) -> Callable[[V], V]:
    """Decorator for a view (or its class) that takes bodies of up to `limit` bytes. `too_large` is
    what people are told about longer ones."""

    def mark(view: V) -> V:
        view.uploads = _Uploads(limit, too_large)  # type: ignore[attr-defined]
        return view

    return mark


async def within_limit(
    application: Any, scope: Scope, receive: Receive, send: Send, is_known: IsKnown = _unknown
) -> None:
    """Runs an ASGI application for one HTTP request, and answers instead of it when the body is too
    long (413), whether the client says so or not, when it does not arrive (408), and when the
    client has too much under way already (429, or 503 for all clients together). `is_known` says
    whether a request is from somebody who has signed in, without asking a database."""
    body = _Body(scope, receive, current_held(), partial(is_known, scope))
    try:
        body.begin()
        await application(scope, body.receive, send)
    except AppError as exc:
        body.error = exc
    finally:
        body.release()
    if body.error is not None:
        await _refuse(body.error, scope, send)


class _Body:
    """A body as the application receives it, until there is an objection: from then on the client
    seems to be gone, and Django drops what it has written."""

    def __init__(self, scope: Scope, receive: Receive, held: Held, is_known: Known) -> None:
        self._scope = scope
        self._receive = receive
        self._held = held
        self._is_known = is_known
        self._source = source_of_client(scope.get("client"))
        self._limit = settings.MAX_BODY_BYTES
        self._size = 0
        self._started = asyncio.get_running_loop().time()
        self._whole = False
        self.error: AppError | None = None

    def begin(self) -> None:
        """Raises TooLarge, or RateLimited for a client that has too much under way."""
        self._held.check(self._source)
        self._check_length(_announced(self._scope))

    async def receive(self) -> dict[str, Any]:
        if self.error is not None:
            return {"type": "http.disconnect"}
        if self._whole:
            return await self._receive()  # the end of the connection
        try:
            return await self._next()
        except AppError as exc:
            self.error = exc
        return {"type": "http.disconnect"}

    async def _next(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout_at(self._late_at()):
                message = await self._receive()
        except TimeoutError:
            metrics.dropped.labels("body").inc()
            raise TooSlow from None
        self._whole = not message.get("more_body", False)
        size = len(message.get("body", b""))
        if size:
            self._check_length(self._size + size)
            self._held.take(self._source, size, self._is_known)
            self._size += size
        return message

    def _late_at(self) -> float:
        """Nothing for so long, or too little since it began."""
        now = asyncio.get_running_loop().time()
        patience_s = settings.BODY_STALLED_S
        by_rate = self._started + patience_s + self._size / settings.LOWEST_BYTES_PER_S
        return min(now + patience_s, by_rate)

    def _check_length(self, length: int) -> None:
        if length <= self._limit:
            return
        uploads = _uploads_to(self._scope["path"])
        self._limit = max(self._limit, uploads.limit)
        if length > self._limit:
            raise TooLarge(uploads.too_large)

    def release(self) -> None:
        """The request is over, whatever its outcome."""
        self._held.give_back(self._source, self._size)
        self._size = 0


def _uploads_to(path: str) -> _Uploads:
    """Returns which bodies a path takes. Asked for long ones only: it takes 0.1 ms."""
    try:
        view = resolve(path).func
    except Resolver404:
        return _NONE
    found: _Uploads = getattr(getattr(view, "cls", view), "uploads", _NONE)
    return found


def _announced(scope: Scope) -> int:
    """Returns the Content-Length; 0 when there is none (servers refuse what is not a number)."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() else 0


async def _refuse(error: AppError, scope: Scope, send: Send) -> None:
    """The server (imsystem/embedded/http.py) makes sure that a client can read this while it still
    sends."""
    body, kind = str(error.detail).encode(), "text/plain; charset=utf-8"
    if scope["path"].startswith("/api/"):
        body, kind = json.dumps(app_error_body(error)).encode(), CONTENT_TYPE
    headers = {
        "content-type": kind,
        "content-length": str(len(body)),
        "x-content-type-options": "nosniff",
        "connection": "close",
        **error_headers(error),
    }
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
