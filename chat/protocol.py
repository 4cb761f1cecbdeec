"""The frames of the `im.v1` socket: what a client may say, and how it is parsed.

docs/protocol.md describes every frame; tests/chat/test_protocol_docs.py parses its examples.
"""

from typing import Annotated, Any

import msgspec
from django.utils.translation import gettext_lazy as _

from chat.kinds import Content, Identity
from chat.policies import CLIENT_ID_PATTERN
from imsystem.errors import AppError, BadRequest
from imsystem.realtime.frames import encode

SUBPROTOCOL = "im.v1"
MAX_SYNC_ROOMS = 1_000
MAX_TOKEN = 4_096  # ours have 350 characters
MAX_SEQ = 2**53 - 1  # what a JavaScript number holds exactly

# The patterns are anchored: msgspec searches, it does not match whole strings.
CommandId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
ClientId = Annotated[str, msgspec.Meta(pattern=rf"\A{CLIENT_ID_PATTERN}\Z")]
Seq = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)]


class BadFrame(AppError):
    """The frame is not a JSON object in a text frame."""

    code = "bad_frame"
    status = 400
    default_detail = _("Send one JSON object per text frame.")


class UnknownType(AppError):
    """No such command."""

    code = "unknown_type"
    status = 400
    default_detail = _("There is no such command.")


class _Envelope(msgspec.Struct):
    type: Any = None
    id: Any = None


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


class AuthRenew(msgspec.Struct, frozen=True):
    id: CommandId
    token: Annotated[str, msgspec.Meta(max_length=MAX_TOKEN)]


class Ping(msgspec.Struct, frozen=True):
    id: CommandId


Command = MessageSend | MessageEdit | MessageRecall | RoomRead | Typing | Sync | AuthRenew | Ping

_TYPES: dict[str, type[Command]] = {
    "message.send": MessageSend,
    "message.edit": MessageEdit,
    "message.recall": MessageRecall,
    "room.read": RoomRead,
    "typing": Typing,
    "sync": Sync,
    "auth.renew": AuthRenew,
    "ping": Ping,
}
_envelope_decoder = msgspec.json.Decoder(_Envelope)
_decoders = {name: msgspec.json.Decoder(struct) for name, struct in _TYPES.items()}


class Rejected(Exception):
    """A frame that is no command: the error to send back and the id to answer, if it had one."""

    def __init__(self, error: AppError, command_id: str | None = None) -> None:
        self.error = error
        self.command_id = command_id
        super().__init__(error.code)


def parse(text: str) -> Command:
    """The command in a text frame; raises Rejected. Fields nobody asked for are ignored.

    Decoding twice (first the type, then the command) costs 1 microsecond and lets an error name
    the command it belongs to.
    """
    try:
        envelope = _envelope_decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise Rejected(BadFrame()) from None
    command_id = _usable(envelope.id)
    decoder = _decoders.get(envelope.type) if isinstance(envelope.type, str) else None
    if decoder is None:
        raise Rejected(UnknownType(), command_id)
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as exc:
        raise Rejected(BadRequest(str(exc)), command_id) from None


def command_id(text: str) -> str | None:
    """The id that a refusal of this frame names; None when it has none that can be used."""
    try:
        return _usable(_envelope_decoder.decode(text).id)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None


def _usable(command_id: Any) -> str | None:
    return command_id if isinstance(command_id, str) and len(command_id) <= 64 else None


def error_frame(error: AppError, command_id: str | None = None) -> str:
    """{"type": "error", id?, code, detail, retry_after?}; `detail` in the active language."""
    fields: dict[str, Any] = {} if command_id is None else {"id": command_id}
    fields |= {"code": error.code, "detail": str(error.detail)}
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        fields["retry_after"] = retry_after
    return encode("error", **fields)
