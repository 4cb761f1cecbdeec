"""The JSON of rooms and members: one builder each for REST, socket and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from accounts.default_avatar import default_avatar_address
from accounts.payloads import PublicUser, public_user
from rooms.choices import Kind
from rooms.policies import can_read

if TYPE_CHECKING:
    from accounts.models import User
    from rooms.heads import Head
    from rooms.models import Ban, Member, Room


class RoomCard(TypedDict):
    """What somebody sees of a group who knows its number, and no more."""

    number: str
    name: str
    info: str
    avatar: str
    members_count: int
    join_rule: str
    question: str


class RoomSummary(TypedDict):
    """What all members of the room see alike."""

    identity: str
    number: str
    name: str
    info: str
    avatar: str
    kind: str
    join_rule: str
    history: str
    user_identity: str
    created_at: int
    updated_at: int


class RoomPayload(RoomSummary):
    """A room as one member sees it. `peer` is the other person of a direct room, `online` whether
    they are, null when the member may not know."""

    role: str
    last_seq: int
    revision: int
    read_seq: int
    unread: int
    last_message: dict[str, Any] | None
    peer: NotRequired[PublicUser]
    online: NotRequired[bool | None]


class MemberPayload(TypedDict):
    """A member of a room. Times in Unix milliseconds; muted_until 0: not muted; read_seq null:
    not shown, because the member or who looks has read receipts off."""

    user: PublicUser
    role: str
    joined_seq: int
    read_seq: int | None
    muted_until: int
    created_at: int
    lookalike: NotRequired[bool]


class BanPayload(TypedDict):
    """Somebody who cannot get into a room by themselves. `actor_identity`: who removed them."""

    user: PublicUser
    kind: str
    reason: str
    actor_identity: str
    created_at: int


class OwnershipPayload(TypedDict):
    """Who owns a group, and who may take it over until when (Unix milliseconds)."""

    owner: PublicUser
    offered_to: PublicUser | None
    offered_until: int | None


class AdderPayload(TypedDict):
    """A user who has added me to groups, to how many of those I am in, and when to the last one."""

    user: PublicUser
    groups: int
    added_at: int


def ban_payload(ban: Ban, user: User) -> BanPayload:
    return {
        "user": public_user(user),
        "kind": ban.kind,
        "reason": ban.reason,
        "actor_identity": ban.actor_identity,
        "created_at": ban.created_at,
    }


def room_card(room: Room, members_count: int) -> RoomCard:
    return {
        "number": room.number,
        "name": room.name,
        "info": room.info,
        "avatar": default_avatar_address(room.identity, room.name),
        "members_count": members_count,
        "join_rule": room.join_rule,
        "question": "",
    }


def room_summary(room: Room) -> RoomSummary:
    return {
        "identity": room.identity,
        "number": room.number,
        "name": room.name,
        "info": room.info,
        "avatar": default_avatar_address(room.identity, room.name),
        "kind": room.kind,
        "join_rule": room.join_rule,
        "history": room.history,
        "user_identity": room.creator_id,
        "created_at": room.created_at,
        "updated_at": room.updated_at,
    }


def room_payload(
    room: Room,
    member: Member,
    head: Head,
    peer: User | None = None,
    online: bool | None = None,
) -> RoomPayload:
    """The room for one member. A direct room has the other person's name and picture. The newest
    message is left out when it is not for them."""
    newest = head.last_message
    if newest is not None and not can_read(member.floor_seq, newest["seq"]):
        newest = None
    payload = RoomPayload(
        **room_summary(room),  # type: ignore[typeddict-item]  # peer comes below
        role=member.role,
        last_seq=head.last_seq,
        revision=head.revision,
        read_seq=member.read_seq,
        unread=head.unread(member.user_id, member.unread_after),
        last_message=newest,
    )
    if room.kind == Kind.DIRECT and peer is not None:
        payload["peer"] = public_user(peer)
        payload["name"] = payload["peer"]["nickname"]
        payload["online"] = online
        payload["avatar"] = payload["peer"]["avatar"]
    return payload


def member_payload(member: Member, *, receipts: bool) -> MemberPayload:
    """`receipts`: whether to show how far the member has read (policies.can_see_receipts)."""
    return {
        "user": public_user(member.user),
        "role": member.role,
        "joined_seq": member.joined_seq,
        "read_seq": member.read_seq if receipts else None,
        "muted_until": member.muted_until,
        "created_at": member.created_at,
    }
