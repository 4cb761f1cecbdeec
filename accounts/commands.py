"""The socket's command that renews the sign-in it was opened with."""

from dataclasses import replace
from typing import Annotated

import msgspec

from accounts import ws_auth
from imsystem.budgets import COMMAND, reads
from imsystem.realtime.commands import CommandId, command
from imsystem.realtime.frames import Ack
from imsystem.realtime.sockets import LiveSocket

MAX_TOKEN = 4_096  # ours have 350 characters


class AuthRenew(msgspec.Struct, frozen=True):
    id: CommandId
    token: Annotated[str, msgspec.Meta(max_length=MAX_TOKEN)]


class RenewAck(Ack, frozen=True):
    expires_at: int


@command("auth.renew", AuthRenew, ack=RenewAck)
async def _renew(socket: LiveSocket, frame: AuthRenew) -> RenewAck:
    """Extends the life of the socket. It never shortens it."""
    reads().check(socket.user.user_identity)
    reads().spend(socket.user.user_identity, COMMAND)
    until = await ws_auth.renew(socket.user, frame.token)
    if until > socket.user.expires_at_ms:
        socket.user = replace(socket.user, expires_at_ms=until)
    return RenewAck(id=frame.id, expires_at=socket.user.expires_at_ms)
