"""The start of a socket: admission, sign-in, and how a refusal is told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from accounts import ws_auth
from accounts.ws_auth import BadOrigin
from imsystem.errors import AppError, NotAuthenticated, Unavailable
from imsystem.http.identified import accepting, refuse_handshake
from imsystem.outage import is_outage
from imsystem.realtime import close_codes
from imsystem.realtime.admission import current_admission
from imsystem.realtime.endpoint import SUBPROTOCOL
from imsystem.realtime.sockets import SocketUser

logger = logging.getLogger(__name__)

# A crowd that comes back after a restart waits in line: 2,000 at 100 a second of a busy machine.
HANDSHAKE_WITHIN_S = 30.0

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Handshake:
    """The handshake of one socket of `/ws/`."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self.send = send

    async def turn_away(self, exc: AppError) -> None:
        """Refuses the socket over HTTP. No database has been asked until now."""
        seconds = getattr(exc, "retry_after", 1)
        headers = [(b"retry-after", str(seconds).encode()), (b"content-type", b"text/plain")]
        body = f"{exc.code}\n".encode()
        await refuse_handshake(self.scope, self.send, exc.status, body, headers)

    async def shake_hands(self) -> SocketUser | None:
        """Accepts the socket and returns its user. A refusal (None) is told by a close code, which
        needs an open socket."""
        try:
            async with asyncio.timeout(HANDSHAKE_WITHIN_S):
                user = await self.authenticate()
        except Exception as exc:
            code = _refusal(exc)
        else:
            await self.accept()
            return user
        finally:
            current_admission().shaken()
        await self.accept()
        await self.send({"type": "websocket.close", "code": code})
        return None

    async def authenticate(self) -> SocketUser:
        """Raises BadOrigin, NotAuthenticated, or Unavailable when a database does not answer."""
        return await ws_auth.authenticate(self.scope)

    async def accept(self) -> None:
        offered = self.scope.get("subprotocols", [])
        chosen = SUBPROTOCOL if SUBPROTOCOL in offered else None
        await self.send(accepting(self.scope, subprotocol=chosen))


def _refusal(exc: Exception) -> int:
    """Returns the close code for what a handshake raised."""
    if isinstance(exc, BadOrigin):
        return close_codes.BAD_ORIGIN
    if isinstance(exc, NotAuthenticated):
        return close_codes.NOT_AUTHENTICATED
    if not is_outage(exc) and not isinstance(exc, Unavailable):
        logger.error("a handshake failed", exc_info=exc)
    return close_codes.TRY_LATER
