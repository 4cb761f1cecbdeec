"""The socket's commands about messages and rooms. Each calls one service."""

import time

from chat import services
from chat.catch_up import changes_since
from chat.frames import ChangeAck, ReadAck, SendAck, SyncAck
from chat.kinds import check_sent
from chat.protocol import MessageEdit, MessageRecall, MessageSend, Ping, RoomRead, Sync, Typing
from imsystem.ops import metrics
from imsystem.ops.failpoints import failpoint
from imsystem.realtime.commands import command, command_at_once
from imsystem.realtime.frames import Ack
from imsystem.realtime.sockets import LiveSocket


async def send(
    socket: LiveSocket, frame: MessageSend, *, check: services.Check = check_sent
) -> SendAck:
    """Messages get in line in the order in which they came. Nothing else waits for them, and they
    wait for nothing else."""
    _count(socket)
    started = time.perf_counter()
    async with socket.sending:
        stored = await services.submit_message(
            user_identity=socket.user.user_identity,
            room_identity=frame.room_identity,
            client_id=frame.client_id,
            content=frame,
            check=check,
        )
    metrics.gate(time.perf_counter() - started)
    # The bare future: its waiters run before the journal tells the others (journal._commit).
    result = await stored
    metrics.ack(time.perf_counter() - started)
    return SendAck(id=frame.id, message=result.message, duplicate=result.duplicate)


command("message.send", MessageSend, ack=SendAck)(send)


@command("message.edit", MessageEdit, ack=ChangeAck)
async def _edit(socket: LiveSocket, frame: MessageEdit) -> ChangeAck:
    _count(socket)
    message = await services.edit_message(
        user_identity=socket.user.user_identity,
        message_identity=frame.message_identity,
        data=frame.data,
    )
    return ChangeAck(id=frame.id, message=message)


@command("message.recall", MessageRecall, ack=ChangeAck)
async def _recall(socket: LiveSocket, frame: MessageRecall) -> ChangeAck:
    _count(socket)
    message = await services.recall_message(
        user_identity=socket.user.user_identity, message_identity=frame.message_identity
    )
    return ChangeAck(id=frame.id, message=message)


def _count(socket: LiveSocket) -> None:
    """Raises RateLimited when the user changes too much."""
    socket.limits.take_message(socket.user.user_identity, socket.last_heard)


@command("room.read", RoomRead, ack=ReadAck)
async def _read(socket: LiveSocket, frame: RoomRead) -> ReadAck:
    seq = await services.mark_read(
        user_identity=socket.user.user_identity, room_identity=frame.room_identity, seq=frame.seq
    )
    return ReadAck(id=frame.id, room_identity=frame.room_identity, seq=seq)


@command("typing", Typing, ack=None)
async def _typing(socket: LiveSocket, frame: Typing) -> None:
    if socket.limits.take_typing(socket.user.user_identity, socket.last_heard):
        await services.announce_typing(
            user_identity=socket.user.user_identity, room_identity=frame.room_identity
        )


@command("sync", Sync, ack=SyncAck)
async def _sync(socket: LiveSocket, frame: Sync) -> SyncAck:
    known = {room: (state.seq, state.revision) for room, state in frame.rooms.items()}
    async with socket.syncing:
        await failpoint("commands.run")
        rooms, removed = await changes_since(user_identity=socket.user.user_identity, known=known)
    return SyncAck(id=frame.id, rooms=rooms, removed=removed)


@command_at_once("ping", Ping, ack=Ack)
def _ping(socket: LiveSocket, frame: Ping) -> Ack:
    """Nearly all that idle sockets say."""
    return Ack(id=frame.id)
