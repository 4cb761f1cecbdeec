"""Who may do what in a room. Pure functions: no database, no clock of their own.

`require_*` raises the error that says why not, `can_*` answers.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from accounts.policies import includes
from imsystem.errors import BadRequest, Forbidden, Muted
from rooms.choices import BanKind, History, JoinRule, Kind, Role

if TYPE_CHECKING:
    from accounts.models import User
    from rooms.models import Member, Room

RANK = {Role.MEMBER: 0, Role.ADMIN: 1, Role.OWNER: 2}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a room says of itself, alike for all its members."""

    kind: str
    join_rule: str
    history: str


@dataclass(frozen=True, slots=True)
class Access:
    """What the policies need to know of one member of one room: the membership and the room's
    rules, as one value. That it exists says that the user is a member.

    A new fact of rooms or members is a field, a line in `of` and one condition in a policy.
    """

    user_identity: str
    room_identity: str
    role: str
    inherited: bool
    muted_until: int
    joined_seq: int
    floor_seq: int
    rules: Rules

    @classmethod
    def of(cls, member: "Member", room: "Room") -> "Access":
        """The one way to make it."""
        return cls(
            user_identity=member.user_id,
            room_identity=room.identity,
            role=member.role,
            inherited=member.inherited,
            muted_until=member.muted_until,
            joined_seq=member.joined_seq,
            floor_seq=member.floor_seq,
            rules=Rules(room.kind, room.join_rule, room.history),
        )

    @property
    def rank(self) -> int:
        return RANK[Role(self.role)]


def floor_of(history: str, since: int) -> int:
    """The last seq that somebody may not read who comes when the room has got as far as `since`."""
    return since if history == History.JOINED else 0


def can_read(floor_seq: int, seq: int) -> bool:
    """Whether a message is for a member at all; to others it does not exist, however they ask."""
    return seq > floor_seq


def require_send(access: Access, now: int) -> None:
    """Members may, unless muted (owners and admins cannot be muted)."""
    if access.muted_until > now and access.rank == 0:
        raise Muted


def can_manage(access: Access) -> bool:
    """Owners and admins rename a group, change its description, add members, see bans."""
    return access.rules.kind == Kind.GROUP and access.rank >= RANK[Role.ADMIN]


def require_manage(access: Access) -> None:
    require_group(access)
    if not can_manage(access):
        raise Forbidden(_("Only the owner and admins can do this."))


def require_manage_member(access: Access, target: Access) -> None:
    """Kick or mute: only people of a lower rank."""
    require_group(access)
    if access.rank < RANK[Role.ADMIN] or target.rank >= access.rank:
        raise Forbidden(_("Only the owner and admins can do this, and not to each other."))


OWNER_ONLY = _("Only the owner can do this.")


def can_own(access: Access) -> bool:
    """Owners promote, demote, offer the group to others, and delete it."""
    return access.rules.kind == Kind.GROUP and access.role == Role.OWNER


def require_own(access: Access) -> None:
    require_group(access)
    if not can_own(access):
        raise Forbidden(OWNER_ONLY)


REMOVED = _("You were removed from this group. Ask its owner or an admin to add you again.")


def require_join(rule: str, ban: str) -> None:
    """By its number. `ban`: the kind of the ban there is, "" without one."""
    if ban:
        raise Forbidden(REMOVED)
    if rule != JoinRule.OPEN:
        raise Forbidden(_("This group is open by invitation only."))


def require_let_in(ban: str) -> None:
    """By the owner or an admin: after a kick, not after a ban."""
    if ban == BanKind.BAN:
        raise Forbidden(_("This person is banned from the group. Lift the ban first."))


def can_leave(access: Access) -> bool:
    """Everybody but the owner, who offers the group to somebody or deletes it. An owner who was
    never asked (`inherited`) may leave as well."""
    group = access.rules.kind == Kind.GROUP
    return group and (access.role != Role.OWNER or access.inherited)


def require_leave(access: Access) -> None:
    require_group(access)
    if not can_leave(access):
        raise Forbidden(_("Transfer ownership to another member first, or delete the group."))


def require_addable(audience: str, *, contact: bool) -> None:
    """By somebody else, to a group or to a new conversation: as the person allows (who_may_add).

    `contact`: the two have a conversation.
    """
    if not includes(audience, contact=contact):
        raise Forbidden(_("This person's privacy settings don't allow this."))


def can_see_receipts(viewer: "User", member: "User") -> bool:
    """Whether `viewer` may know how far `member` has read. Mutual: who hides it does not see it."""
    return viewer.pk == member.pk or (viewer.read_receipts and member.read_receipts)


def require_group(access: Access) -> None:
    """Direct conversations have exactly two members and no settings."""
    if access.rules.kind != Kind.GROUP:
        raise BadRequest(_("This is only possible in groups."))


def require_place(members: int, cap: int) -> None:
    """`members` with those who are coming; `cap` 0 for no limit."""
    if 0 < cap < members:
        raise Forbidden(_("This group is full."))


def require_few_rooms(rooms: int, cap: int) -> None:
    """`rooms` with the one that is being entered; `cap` 0 for no limit. What a client is told when
    it connects, and may ask for at once, grows with every room of its user."""
    if 0 < cap < rooms:
        raise Forbidden(_("You are in too many groups. Leave one first."))


def require_few_rooms_of_other(rooms: int, cap: int) -> None:
    """The same for somebody who is added by another."""
    if 0 < cap < rooms:
        raise Forbidden(_("This person is in too many groups."))


def require_few_additions(rooms: int, cap: int) -> None:
    """`rooms` of those that one user has added another one to, with this one."""
    if 0 < cap < rooms:
        raise Forbidden(_("You have added this person to too many groups."))
