"""Reads: the rooms of a user, the members of a room, a room by its number.

What was said last is added above (chat/inbox.py).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass

from accounts.models import User
from accounts.payloads import public_user
from accounts.policies import can_see_online
from accounts.user_cache import people
from imsystem.budgets import COMMAND, MEMBER, reads
from imsystem.clock import now_ms
from imsystem.errors import NotFound
from imsystem.guesses import guessing
from imsystem.ids import is_identity
from imsystem.loops import run_on_loop
from imsystem.realtime.topics import Topic, room_topic
from imsystem.text import folded, lookalikes
from rooms import bans
from rooms.choices import Kind, Role
from rooms.identity import direct_identity
from rooms.loading import is_shared, known_rooms, memberships, pairs
from rooms.models import Member, Room
from rooms.payloads import (
    AdderPayload,
    BanPayload,
    MemberPayload,
    OwnershipPayload,
    RoomCard,
    ban_payload,
    member_payload,
    room_card,
)
from rooms.policies import Access, can_see_receipts, require_group, require_manage

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


def contacts_among(user_identity: str, others: Sequence[str]) -> set[str]:
    """Those of `others` (identities) who have a conversation with the user that neither of both has
    deleted; one query."""
    rooms = {direct_identity(user_identity, other): other for other in others}
    found = Member.objects.filter(room_id__in=list(rooms), hidden=False)
    members = Counter(found.values_list("room_id", flat=True))
    return {rooms[room_identity] for room_identity, n in members.items() if n == 2}


def topics_of(user_identity: str) -> list[Topic]:
    """The topics of the rooms the user is in; one query."""
    members = Member.objects.filter(user_id=user_identity).values_list("room_id", flat=True)
    return [room_topic(room_identity) for room_identity in members]


def shared_direct(first: str, second: str) -> str | None:
    """The identity of the conversation that both people (identities) are in, None without one."""
    return direct_identity(first, second) if contacts_among(first, [second]) else None


async def _peers(user: User, rooms: Sequence[Room]) -> tuple[dict[str, User], set[str]]:
    """room identity -> the other person, for the direct rooms among `rooms`; and those of these
    rooms that neither of both has deleted."""
    direct = [room.identity for room in rooms if room.kind == Kind.DIRECT]
    if not direct:
        return {}, set()
    members = await pairs().get(direct)
    others = {
        room: other for room, pair in members.items() for other in pair if other != user.identity
    }
    found = await people(list(others.values()))
    peers = {room: found[other] for room, other in others.items() if other in found}
    return peers, {room for room, pair in members.items() if is_shared(pair)}


@dataclass(frozen=True)
class FoundRooms:
    """Rooms of one user as the database has them, still without their heads. `shared`: the direct
    ones that neither of both has deleted."""

    viewer: User
    members: Sequence[Member]
    rooms: Sequence[Room]
    peers: dict[str, User]
    shared: set[str]

    @property
    def peer_identities(self) -> list[str]:
        return [peer.pk for peer in self.peers.values()]

    @property
    def positions(self) -> dict[str, int]:
        """room identity -> the seq after which the viewer's unread messages are counted."""
        return {member.room_id: member.unread_after for member in self.members}


async def rooms_of(user: User, members: Sequence[Member]) -> FoundRooms:
    """The rooms of these memberships of one user."""
    found = await known_rooms().get([member.room_id for member in members])
    rooms = list(found.values())
    return FoundRooms(user, members, rooms, *await _peers(user, rooms))


def rooms_without_heads(user: User) -> FoundRooms:
    """All rooms of the user, for synchronous callers."""

    async def find() -> FoundRooms:
        return await rooms_of(user, await memberships(user.identity))

    return run_on_loop(find())


def online_as_seen(
    viewer: User, peer: User | None, online: Set[str], *, contact: bool = True
) -> bool | None:
    """Whether the peer of a conversation is among `online`; None when the viewer may not know.
    `contact`: neither of both has deleted it."""
    if peer is None or not can_see_online(viewer, peer, contact=contact):
        return None
    return peer.pk in online


def access_of(member: Member) -> Access:
    """What the policies need to know of a membership that has its room."""
    return Access.of(member, member.room)


def find_group(user: User, number: str, source: str) -> Room:
    """The group with this number, as people type it (imsystem.text.folded).

    NotFound otherwise, and RateLimited after too many of these by the user or from the source.
    """
    digits, room = folded(number), None
    with guessing(user.pk, source):
        if digits.isascii() and digits.isdigit() and 6 <= len(digits) <= 9:
            room = Room.objects.filter(number=digits, kind=Kind.GROUP).first()
        if room is None:
            raise NotFound
    return room


def lookup(user: User, number: str, source: str = "") -> RoomCard:
    """What is shown of the group with this number to somebody who thinks of joining it."""
    room = find_group(user, number, source)
    return room_card(room, Member.objects.filter(room_id=room.pk).count())


def member_list(user: User, room_identity: str) -> list[MemberPayload]:
    """The members, longest first. Raises NotFound for strangers, RateLimited for who has read too
    much."""
    reads().check(user.identity)
    membership(user, room_identity)
    members = list(
        Member.objects.filter(room_id=room_identity).order_by("created_at")[:MAX_MEMBERS_LISTED]
    )
    reads().spend(user.identity, COMMAND + MEMBER * len(members))
    found = run_on_loop(people([member.user_id for member in members]))
    for member in members:
        if member.user_id in found:
            member.user = found[member.user_id]
    payloads = [
        member_payload(member, receipts=can_see_receipts(user, member.user))
        for member in members
        if member.user_id in found
    ]
    names = {pk: person.nickname for pk, person in found.items() if person.deleted_at is None}
    alike = lookalikes(names)
    for payload in payloads:
        if payload["user"]["identity"] in alike:
            payload["lookalike"] = True
    return payloads


def ban_list(user: User, room_identity: str) -> list[BanPayload]:
    """Who was removed from a group and cannot join, the newest first, for its owner and admins."""
    member = membership(user, room_identity)
    require_manage(access_of(member))
    rows = bans.of_room(room_identity)[:MAX_MEMBERS_LISTED]
    found = run_on_loop(people([row.user_identity for row in rows]))
    return [
        ban_payload(row, found[row.user_identity]) for row in rows if row.user_identity in found
    ]


def ownership(user: User, room_identity: str) -> OwnershipPayload:
    """Who owns a group, and to whom it is offered: that is shown to these two only."""
    member = membership(user, room_identity)
    require_group(access_of(member))
    owner = Member.objects.filter(room_id=room_identity, role=Role.OWNER).first()
    if owner is None:
        raise NotFound  # deleted at this moment
    concerned = user.pk in (owner.user_id, owner.offers_to)
    heir = owner.offers_to if concerned and owner.offers_until > now_ms() else ""
    found = run_on_loop(people([owner.user_id, *([heir] if heir else [])]))
    if owner.user_id not in found:
        raise NotFound
    return {
        "owner": public_user(found[owner.user_id]),
        "offered_to": public_user(found[heir]) if heir in found else None,
        "offered_until": owner.offers_until if heir in found else None,
    }


def is_offered(user: User, room_identity: str) -> bool:
    """Whether the user may become the owner of a group by accepting it."""
    offers = Member.objects.filter(room_id=room_identity, offers_to=user.pk)
    return offers.filter(role=Role.OWNER, offers_until__gt=now_ms()).exists()


DAY_MS = 24 * 3_600_000


def added_memberships(user: User, added_by: str = "", days: int | None = None) -> list[Member]:
    """The user's memberships of groups that others have added them to."""
    found = Member.objects.filter(user_id=user.pk).exclude(added_by="")
    if added_by:
        found = found.filter(added_by=added_by)
    if days is not None:
        found = found.filter(created_at__gte=now_ms() - days * DAY_MS)
    return list(found)


def adders(user: User) -> list[AdderPayload]:
    """Who has added the user to groups that they are still in, the latest first."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for member in added_memberships(user):
        if member.role != Role.OWNER or member.inherited:
            groups[member.added_by].append(member.created_at)
    found = run_on_loop(people(list(groups)))
    rows: list[AdderPayload] = [
        {"user": public_user(found[adder]), "groups": len(times), "added_at": max(times)}
        for adder, times in groups.items()
        if adder in found
    ]
    return sorted(rows, key=lambda row: row["added_at"], reverse=True)
