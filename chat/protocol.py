"""What a client may say on the `im.v1` socket about messages and rooms."""

from typing import Annotated

import msgspec

from chat.kinds import Content, Identity
from chat.policies import CLIENT_ID_PATTERN
from imsystem.realtime.commands import CommandId

MAX_SYNC_ROOMS = 1_000
MAX_SEQ = 2**53 - 1  # the largest integer that a JavaScript number holds exactly

# The pattern is anchored: msgspec searches, it does not match whole strings.
ClientId = Annotated[str, msgspec.Meta(pattern=rf"\A{CLIENT_ID_PATTERN}\Z")]
Seq = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)]


class MessageSend(Content, frozen=True, kw_only=True):
    """A content with an address: the frame itself is handed on as the content of the message."""

    id: CommandId
    room_identity: Identity
    client_id: ClientId


class MessageEdit(msgspec.Struct, frozen=True):
    id: CommandId
    message_identity: Identity
    data: str


class MessageRecall(msgspec.Struct, frozen=True):
    id: CommandId
    message_identity: Identity


class RoomRead(msgspec.Struct, frozen=True):
    id: CommandId
    room_identity: Identity
    seq: Seq


class Typing(msgspec.Struct, frozen=True):
    room_identity: Identity


class Known(msgspec.Struct, frozen=True):
    """How far a client knows a room."""

    seq: Seq
    revision: Seq = 0


class Sync(msgspec.Struct, frozen=True):
    id: CommandId
    rooms: Annotated[dict[Identity, Known], msgspec.Meta(max_length=MAX_SYNC_ROOMS)]


class Ping(msgspec.Struct, frozen=True):
    id: CommandId
