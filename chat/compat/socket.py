"""The original's socket: {"message", "room_identity"} in, the bare text of every message out.

Handshake, order, limits and the way of a message are those of /ws/ (chat/consumer.py). Its clients
know no acks, errors and events, so these are dropped on the way out.
"""

from functools import lru_cache, partial
from typing import Any

import msgspec

from chat import commands
from chat.compat.auth import authenticate
from chat.consumer import ChatConsumer
from chat.handshake import Handshake
from chat.kinds import Content, Identity, check_sent
from chat.protocol import MessageSend
from imsystem.client_limits import FRAME_BYTES
from imsystem.http.identified import accepting
from imsystem.ids import new_identity
from imsystem.realtime.commands import BadFrame, Command, Rejected
from imsystem.realtime.connection import Connection
from imsystem.realtime.sockets import SocketUser
from imsystem.realtime.transport import abort

SOCKET_PATHS = frozenset({"/u/websocket/message", "/u/talk/message"})
# How far back a message may come late, after newer ones.
LATE = 100


class _Said(msgspec.Struct, frozen=True):
    """What a client sends."""

    message: str
    room_identity: Identity


def _check(content: Content) -> Content:
    """The rules of `message.send`, but an empty text is a message: the original sends it on."""
    return content if content.data == "" else check_sent(content)


# --- what the hub sends, as far as it matters here ------------------------------------------


class _Message(msgspec.Struct, frozen=True):
    seq: int
    data: str


class _Room(msgspec.Struct, frozen=True):
    identity: str
    last_seq: int


class _Created(msgspec.Struct, frozen=True, tag_field="type", tag="message.created"):
    room_identity: str
    message: _Message


class _Ready(msgspec.Struct, frozen=True, tag_field="type", tag="ready"):
    rooms: list[_Room]


class _Added(msgspec.Struct, frozen=True, tag_field="type", tag="room.added"):
    room: _Room


_send = partial(commands.send, check=_check)
_Frame = _Created | _Ready | _Added

_said = msgspec.json.Decoder(_Said)
_frame: msgspec.json.Decoder[_Frame] = msgspec.json.Decoder(_Frame)


# The hub gives one and the same string to all sockets of a room: it is decoded for the first.
@lru_cache(maxsize=32)
def _read(frame: str) -> _Frame | None:
    try:
        return _frame.decode(frame)
    except msgspec.ValidationError:  # of another type
        return None


class Seen:
    """Which messages of a room a socket has had.

    A message may be announced twice, when its sender was not sure and sent it again. Other clients
    drop the second by its seq; these have nothing but the text.
    """

    def __init__(self, seq: int) -> None:
        self._newest = seq
        self._late: set[int] = set()

    def is_new(self, seq: int) -> bool:
        """True the first time, for messages after the `seq` it began with."""
        if seq <= self._newest:
            late = seq in self._late
            self._late.discard(seq)
            return late
        self._late.update(range(max(self._newest + 1, seq - LATE), seq))
        self._newest = seq
        return True


class SeedHandshake(Handshake):
    """The handshake of a client of the original."""

    async def authenticate(self) -> SocketUser:
        return await authenticate(self.scope)

    async def accept(self) -> None:
        """Does nothing yet: these clients know no `ready`, they take an open socket for one. Until
        then a refusal is an HTTP 403."""


class SeedConsumer(ChatConsumer):
    """One socket of a client of the original."""

    # These clients send no pings. The server's own pings, which every WebSocket library answers,
    # find the dead ones.
    may_be_silent = True
    handshake_class = SeedHandshake

    def connect(self, user: SocketUser) -> None:
        self.seen: dict[str, Seen] = {}
        self.connection = Connection(
            user.user_identity, self.send_text, partial(abort, self.send_to_server)
        )

    def parse(self, text: str | None) -> MessageSend:
        if text is None or len(text) > FRAME_BYTES:
            raise Rejected(BadFrame())
        try:
            said = _said.decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            raise Rejected(BadFrame()) from None
        return MessageSend(
            id="", room_identity=said.room_identity, client_id=new_identity(), data=said.message
        )

    async def carry_out(self, command: Command, frame: msgspec.Struct) -> None:
        await super().carry_out(command._replace(handle=_send), frame)

    async def send_text(self, message: dict[str, Any]) -> None:
        """Passes a frame of ours on: `ready` opens the socket, a new message is its bare text."""
        if message["type"] != "websocket.send":
            await self.send_to_server(message)
            return
        match _read(message["text"]):
            case _Ready() as ready:
                self.seen |= {room.identity: Seen(room.last_seq) for room in ready.rooms}
                await self.send_to_server(accepting(self.scope))
            case _Added() as added:
                self.seen[added.room.identity] = Seen(added.room.last_seq)
            case _Created() as created if self.is_new(created):
                await self.send_to_server({"type": "websocket.send", "text": created.message.data})

    def is_new(self, created: _Created) -> bool:
        seq = created.message.seq
        return self.seen.setdefault(created.room_identity, Seen(seq - 1)).is_new(seq)
