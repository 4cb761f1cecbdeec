"""The commands that clients may send. Each app registers its own, a struct and a handler at once.

    @command("room.read", RoomRead, ack=ReadAck)
    async def _read(socket: LiveSocket, frame: RoomRead) -> ReadAck: ...

docs/protocol.md describes every command; tests/chat/test_protocol_docs.py parses its examples.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from django.utils.translation import gettext_lazy as _

from imsystem.errors import AppError, BadRequest
from imsystem.realtime.frames import Ack
from imsystem.realtime.sockets import LiveSocket

MAX_COMMAND_ID = 64
CommandId = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_COMMAND_ID)]

S = TypeVar("S", bound=msgspec.Struct)
A = TypeVar("A", bound=Ack | None)


class BadFrame(AppError):
    """The frame is not a JSON object in a text frame."""

    code = "bad_frame"
    status = 400
    default_detail = _("Send one JSON object per text frame.")


class UnknownType(AppError):
    """There is no such command."""

    code = "unknown_type"
    status = 400
    default_detail = _("Unknown command.")


class Rejected(Exception):
    """A frame that is not a command: the error to send back, and the id to answer if it had one."""

    def __init__(self, error: AppError, command_id: str | None = None) -> None:
        self.error = error
        self.command_id = command_id
        super().__init__(error.code)


class Command(NamedTuple):
    """A registered command. `ack` is None for a command that is not acknowledged."""

    struct: type[msgspec.Struct]
    ack: type[Ack] | None
    decode: Callable[[str], msgspec.Struct]
    handle: Callable[[LiveSocket, Any], Awaitable[Ack | None]] | None
    # Waits for nothing, so it needs no task of its own.
    handle_at_once: Callable[[LiveSocket, Any], Ack] | None


# type of the frame -> command
commands: dict[str, Command] = {}
_by_struct: dict[type, Command] = {}


def _register(name: str, command: Command) -> None:
    if name in commands or command.struct in _by_struct:
        raise ValueError(f"the command {name} is registered twice")
    commands[name] = _by_struct[command.struct] = command


def command(
    name: str, struct: type[S], *, ack: type[Ack] | None
) -> Callable[[Callable[[LiveSocket, S], Awaitable[A]]], Callable[[LiveSocket, S], Awaitable[A]]]:
    """Decorator: registers a command with the coroutine function that carries it out. It returns
    the ack or raises AppError."""

    def register(
        handler: Callable[[LiveSocket, S], Awaitable[A]],
    ) -> Callable[[LiveSocket, S], Awaitable[A]]:
        decode = msgspec.json.Decoder(struct).decode
        _register(name, Command(struct, ack, decode, handler, None))
        return handler

    return register


def command_at_once(
    name: str, struct: type[S], *, ack: type[Ack]
) -> Callable[[Callable[[LiveSocket, S], Ack]], Callable[[LiveSocket, S], Ack]]:
    """Decorator: registers a command whose answer waits for nothing."""

    def register(handler: Callable[[LiveSocket, S], Ack]) -> Callable[[LiveSocket, S], Ack]:
        decode = msgspec.json.Decoder(struct).decode
        _register(name, Command(struct, ack, decode, None, handler))
        return handler

    return register


def command_of(frame: msgspec.Struct) -> Command:
    """Returns the registration of a parsed frame."""
    return _by_struct[type(frame)]


class _Envelope(msgspec.Struct):
    type: Any = None
    id: Any = None


_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def parse(text: str) -> msgspec.Struct:
    """Returns the command in a text frame, or raises Rejected. Unknown fields are ignored.

    Decoding twice (first the type, then the command) costs 1 microsecond and lets an error name
    the command it belongs to.
    """
    try:
        envelope = _decode_envelope(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise Rejected(BadFrame()) from None
    command_id = _usable(envelope.id)
    found = commands.get(envelope.type) if isinstance(envelope.type, str) else None
    if found is None:
        raise Rejected(UnknownType(), command_id)
    try:
        return found.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as exc:
        raise Rejected(BadRequest(str(exc)), command_id) from None


def command_id(text: str) -> str | None:
    """Returns the id that a refusal of this frame names, or None if it has none that is usable."""
    try:
        return _usable(_decode_envelope(text).id)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None


def _usable(command_id: Any) -> str | None:
    usable = isinstance(command_id, str) and len(command_id) <= MAX_COMMAND_ID
    return command_id if usable else None
