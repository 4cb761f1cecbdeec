"""The socket's commands: each calls one service. What it returns goes into the ack.

`ping` and `auth.renew` are about the socket alone, and are answered there (chat/consumer.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from chat import protocol, services
from chat.catch_up import changes_since
from chat.submission import Stored
from imsystem.ops.failpoints import failpoint

Fields = dict[str, Any]
Handler = Callable[[str, Any], Awaitable[Fields | None]]
C = TypeVar("C", bound=protocol.Command)

_HANDLERS: dict[type, Handler] = {}


def command(struct: type[C]) -> Callable[[Callable[[str, C], Awaitable[Fields | None]]], Handler]:
    """Registers the handler of one command: (user identity, frame) -> outcome."""

    def register(handler: Callable[[str, C], Awaitable[Fields | None]]) -> Handler:
        _HANDLERS[struct] = handler
        return handler

    return register


async def run(user_identity: str, frame: protocol.Command) -> Fields | None:
    """Carries out a command; raises AppError."""
    await failpoint("commands.run")
    return await _HANDLERS[type(frame)](user_identity, frame)


async def send(user_identity: str, frame: protocol.MessageSend) -> asyncio.Future[Stored]:
    """`message.send`, which is acked when the future says that the message is stored."""
    return await services.submit_message(
        user_identity=user_identity,
        room_identity=frame.room_identity,
        client_id=frame.client_id,
        content=frame,
    )


@command(protocol.MessageEdit)
async def _edit(user_identity: str, frame: protocol.MessageEdit) -> Fields | None:
    message = await services.edit_message(
        user_identity=user_identity, message_identity=frame.message_identity, data=frame.data
    )
    return {"message": message}


@command(protocol.MessageRecall)
async def _recall(user_identity: str, frame: protocol.MessageRecall) -> Fields | None:
    message = await services.recall_message(
        user_identity=user_identity, message_identity=frame.message_identity
    )
    return {"message": message}


@command(protocol.RoomRead)
async def _read(user_identity: str, frame: protocol.RoomRead) -> Fields | None:
    seq = await services.mark_read(
        user_identity=user_identity, room_identity=frame.room_identity, seq=frame.seq
    )
    return {"room_identity": frame.room_identity, "seq": seq}


@command(protocol.Typing)
async def _typing(user_identity: str, frame: protocol.Typing) -> Fields | None:
    await services.announce_typing(user_identity=user_identity, room_identity=frame.room_identity)
    return None


@command(protocol.Sync)
async def _sync(user_identity: str, frame: protocol.Sync) -> Fields | None:
    known = {room: (state.seq, state.revision) for room, state in frame.rooms.items()}
    rooms, removed = await changes_since(user_identity=user_identity, known=known)
    return {"rooms": rooms, "removed": removed}
