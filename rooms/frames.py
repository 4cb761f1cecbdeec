"""The frames of rooms and their members."""

from imsystem.realtime.frames import Frame, outbound
from rooms.payloads import MemberPayload, RoomPayload, RoomSummary


@outbound
class RoomAdded(Frame, frozen=True, tag="room.added"):
    room: RoomPayload


@outbound
class RoomUpdated(Frame, frozen=True, tag="room.updated"):
    room: RoomSummary


@outbound
class RoomRemoved(Frame, frozen=True, tag="room.removed"):
    """`reason`: left, kicked, banned, deleted or removed."""

    room_identity: str
    reason: str


@outbound
class MemberUpdated(Frame, frozen=True, tag="member.updated"):
    room_identity: str
    member: MemberPayload


@outbound
class MemberRemoved(Frame, frozen=True, tag="member.removed"):
    """To those who stay. `reason`: left, kicked or banned."""

    room_identity: str
    user_identity: str
    reason: str


@outbound
class OwnershipOffered(Frame, frozen=True, tag="ownership.offered"):
    """To the owner and to the user the group is offered to. `offered`: false when the offer no
    longer stands: withdrawn, declined or accepted."""

    room_identity: str
    user_identity: str
    offered: bool
