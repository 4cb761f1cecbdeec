"""Who asks, and how the request is called: what log lines, answers and problem documents tell.

Every request has an identity of its own. A trusted proxy may give one, so that its log and ours
tell of the same request.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from imsystem.ids import new_identity
from imsystem.ops.lines import Caller, set_caller
from imsystem.sources import address_of

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

HEADER = b"x-request-id"
# What proxies make: 32 hex digits, UUIDs, `Root=1-67891233-abcdef012345678912345678`.
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._:=/+-]{1,128}")


def identify(scope: Scope) -> str:
    """Returns the request's identity, and notes it and its client for what is logged from here on.

    What a proxy has named as the client and is no address is nobody's: it is neither stored nor
    logged nor counted (imsystem/sources.py has one source for all of these).
    """
    client = scope.get("client")
    address = address_of(str(client[0])) if client else ""
    scope["client"] = (address, client[1]) if client and address else None
    scope["request_id"] = given = _given(scope) or new_identity()
    set_caller(Caller(request_id=given, client=address))
    return given


def _given(scope: Scope) -> str:
    """The identity that a trusted proxy gave; "" for none, several, or one of bad form."""
    if not scope.get("from_proxy"):
        return ""
    values = [value for name, value in scope["headers"] if name == HEADER]
    if len(values) != 1 or not _WELL_FORMED.fullmatch(values[0]):
        return ""
    text: str = values[0].decode()
    return text


def accepting(scope: Scope, **fields: Any) -> dict[str, Any]:
    """Returns the message that accepts a WebSocket, with X-Request-ID."""
    headers = [(HEADER, scope["request_id"].encode())] if "request_id" in scope else []
    return {"type": "websocket.accept", "headers": headers, **fields}


def telling(send: Send, request_id: str) -> Send:
    """Returns a `send` whose answer carries X-Request-ID."""

    async def send_with_header(message: dict[str, Any]) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = [*message.get("headers", ()), (HEADER, request_id.encode())]
            message = {**message, "headers": headers}
        await send(message)

    return send_with_header


async def refuse_handshake(
    scope: Scope, send: Send, status: int, body: bytes = b"", headers: Headers = ()
) -> None:
    """Answers a WebSocket's handshake over HTTP; with 403 where the server cannot do it."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    told = telling(send, scope["request_id"])
    kind = "websocket.http.response"
    await told({"type": f"{kind}.start", "status": status, "headers": [*headers]})
    await send({"type": f"{kind}.body", "body": body})


def bare_answer(status: str, text: str = "", **headers: str) -> bytes:
    """Returns the bytes of an answer to what is no request yet; the connection ends with it."""
    told = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(text)),
        "Connection": "close",
        "X-Request-ID": new_identity(),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in told.items()), "", text]
    return "\r\n".join(lines).encode("ascii")
