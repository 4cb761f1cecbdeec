"""The frames of messages and presence, and the acks of chat's commands."""

from typing import TypedDict

from accounts.payloads import OwnUser
from chat.payloads import MessagePayload
from imsystem.realtime.frames import Ack, Frame, outbound
from rooms.payloads import RoomPayload


class HeadState(TypedDict):
    """How far a room has got: its newest `seq`, and the `revision` of its newest change."""

    seq: int
    revision: int


class RoomCatchUp(TypedDict):
    """What a client lacks of a room. The client asks again while `has_more` is true."""

    messages: list[MessagePayload]
    changed: list[MessagePayload]
    last_seq: int
    revision: int
    complete_to: int
    has_more: bool


@outbound
class Ready(Frame, frozen=True, tag="ready"):
    """The first frame of every socket."""

    user: OwnUser
    connection_id: str
    expires_at: int
    heartbeat: int
    server_time: int
    rooms: list[RoomPayload]


@outbound
class MessageCreated(Frame, frozen=True, tag="message.created"):
    room_identity: str
    message: MessagePayload


@outbound
class MessageUpdated(Frame, frozen=True, tag="message.updated"):
    room_identity: str
    message: MessagePayload


@outbound
class RoomHeads(Frame, frozen=True, tag="room.heads"):
    rooms: dict[str, HeadState]


@outbound
class RoomRead(Frame, frozen=True, tag="room.read"):
    room_identity: str
    user_identity: str
    seq: int


@outbound
class Presence(Frame, frozen=True, tag="presence"):
    user_identity: str
    online: bool


@outbound
class Typing(Frame, frozen=True, tag="typing"):
    room_identity: str
    user_identity: str


class SendAck(Ack, frozen=True):
    message: MessagePayload
    duplicate: bool


class ChangeAck(Ack, frozen=True):
    message: MessagePayload


class ReadAck(Ack, frozen=True):
    room_identity: str
    seq: int


class SyncAck(Ack, frozen=True):
    rooms: dict[str, RoomCatchUp]
    removed: list[str]
