"""Reads: my rooms, one room, its members, a room by its number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from accounts.models import User
from imsystem.errors import NotFound
from imsystem.ids import is_identity
from rooms.choices import Kind
from rooms.heads import Head, heads_from_thread
from rooms.models import Member, Room
from rooms.payloads import (
    MemberPayload,
    RoomPayload,
    RoomSummary,
    member_payload,
    room_payload,
    room_summary,
)

MAX_MEMBERS_LISTED = 1_000


def membership(user: User, room_identity: str) -> Member:
    """The user's membership with its room; NotFound for strangers and malformed identities."""
    if not is_identity(room_identity):
        raise NotFound
    member = Member.objects.filter(room_id=room_identity, user_id=user.identity).first()
    room = Room.objects.filter(pk=room_identity).first()
    if member is None or room is None:
        raise NotFound
    member.room = room
    return member


def _peers(user: User, rooms: Sequence[Room]) -> dict[str, User]:
    """room identity -> the other person, for the direct rooms among `rooms`; two queries."""
    direct = [room.identity for room in rooms if room.kind == Kind.DIRECT]
    if not direct:
        return {}
    rows = Member.objects.filter(room_id__in=direct).values_list("room_id", "user_id")
    others = {room_id: user_id for room_id, user_id in rows if user_id != user.identity}
    people = User.objects.in_bulk(set(others.values()))
    return {room: people[other] for room, other in others.items() if other in people}


@dataclass(frozen=True)
class FoundRooms:
    """Rooms of one user as the database has them, still without their heads."""

    members: Sequence[Member]
    rooms: Sequence[Room]
    peers: dict[str, User]


def _find(user: User, members: Sequence[Member]) -> FoundRooms:
    rooms = list(Room.objects.filter(pk__in=[member.room_id for member in members]))
    return FoundRooms(members, rooms, _peers(user, rooms))


def rooms_without_heads(user: User) -> FoundRooms:
    """All rooms of the user; four queries however many there are."""
    return _find(user, list(Member.objects.filter(user_id=user.identity)))


def rooms_with_heads(found: FoundRooms, heads: Mapping[str, Head]) -> list[RoomPayload]:
    """The payloads, the room with the newest message first."""
    rooms = {room.identity: room for room in found.rooms}
    payloads = [
        room_payload(
            rooms[member.room_id],
            member,
            heads.get(member.room_id, Head()),
            found.peers.get(member.room_id),
        )
        for member in found.members
        if member.room_id in rooms
    ]
    return sorted(payloads, key=_latest, reverse=True)


def _latest(room: RoomPayload) -> int:
    message = room["last_message"]
    return int(message["created_at"]) if message else room["created_at"]


def _with_heads(found: FoundRooms) -> list[RoomPayload]:
    heads = heads_from_thread([room.identity for room in found.rooms])
    return rooms_with_heads(found, heads)


def room_list(user: User) -> list[RoomPayload]:
    """All rooms of the user, the one with the newest message first."""
    return _with_heads(rooms_without_heads(user))


def room_detail(user: User, room_identity: str) -> RoomPayload:
    """One room of the user; NotFound for strangers."""
    return _with_heads(_find(user, [membership(user, room_identity)]))[0]


def lookup(number: str) -> RoomSummary:
    """The group with this number, for people who think of joining; NotFound otherwise."""
    room = None
    if number.isascii() and number.isdigit() and 6 <= len(number) <= 9:
        room = Room.objects.filter(number=number, kind=Kind.GROUP).first()
    if room is None:
        raise NotFound
    return room_summary(room)


def member_list(user: User, room_identity: str) -> list[MemberPayload]:
    """The members, longest first; NotFound for strangers."""
    membership(user, room_identity)
    members = list(
        Member.objects.filter(room_id=room_identity).order_by("created_at")[:MAX_MEMBERS_LISTED]
    )
    people = User.objects.in_bulk([member.user_id for member in members])
    for member in members:
        if member.user_id in people:
            member.user = people[member.user_id]
    return [member_payload(member) for member in members if member.user_id in people]
