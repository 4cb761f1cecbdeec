"""Who may do what in a room. Pure functions: no database, no clock of their own.

Every function returns nothing or raises the error that says why not.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from accounts.policies import includes
from imsystem.errors import BadRequest, Forbidden, Muted
from rooms.choices import BanKind, History, JoinRule, Kind, Role

if TYPE_CHECKING:
    from accounts.models import User

RANK = {Role.MEMBER: 0, Role.ADMIN: 1, Role.OWNER: 2}


@dataclass(frozen=True, slots=True)
class Access:
    """One user's standing in one room; that it exists says that the user is a member."""

    user_identity: str
    room_identity: str
    role: str
    muted_until: int
    joined_seq: int
    floor_seq: int = 0

    @property
    def rank(self) -> int:
        return RANK[Role(self.role)]


def floor_of(history: str, since: int) -> int:
    """The last seq that somebody may not read who comes when the room has got as far as `since`."""
    return since if history == History.JOINED else 0


def may_read(floor_seq: int, seq: int) -> bool:
    """Whether a message is for a member at all; to others it does not exist, however they ask."""
    return seq > floor_seq


def may_send(access: Access, now: int) -> None:
    """Members may, unless muted (owners and admins cannot be muted)."""
    if access.muted_until > now and access.rank == 0:
        raise Muted


def may_manage(access: Access) -> None:
    """Rename, change the description, add members."""
    if access.rank < RANK[Role.ADMIN]:
        raise Forbidden(_("Only the owner and admins can do this."))


def may_manage_member(access: Access, target: Access) -> None:
    """Kick or mute: only people of a lower rank."""
    if access.rank < RANK[Role.ADMIN] or target.rank >= access.rank:
        raise Forbidden(_("Only the owner and admins can do this, and not to each other."))


OWNER_ONLY = _("Only the owner can do this.")


def may_change_roles(access: Access) -> None:
    """Promote, demote, hand over."""
    if access.role != Role.OWNER:
        raise Forbidden(OWNER_ONLY)


def may_delete(access: Access, kind: str) -> None:
    """Groups are deleted by their owner."""
    must_be_group(kind)
    may_change_roles(access)


REMOVED = _("You were removed from this group. Ask its owner or an admin to add you again.")


def may_join(rule: str, ban: str) -> None:
    """By its number. `ban`: the kind of the ban there is, "" without one."""
    if ban:
        raise Forbidden(REMOVED)
    if rule != JoinRule.OPEN:
        raise Forbidden(_("This group is open by invitation only."))


def may_be_let_in(ban: str) -> None:
    """By the owner or an admin: after a kick, not after a ban."""
    if ban == BanKind.BAN:
        raise Forbidden(_("This person is banned from the group. Lift the ban first."))


def may_leave(access: Access, kind: str, *, inherited: bool = False) -> None:
    """Everybody but the owner, who offers the group to somebody or deletes it. An owner who was
    never asked (`inherited`) may leave as well."""
    must_be_group(kind)
    if access.role == Role.OWNER and not inherited:
        raise Forbidden(_("Transfer ownership to another member first, or delete the group."))


def may_be_added(audience: str, *, contact: bool) -> None:
    """By somebody else, to a group or to a new conversation: as the person allows (who_may_add).

    `contact`: the two have a conversation.
    """
    if not includes(audience, contact=contact):
        raise Forbidden(_("This person's privacy settings don't allow this."))


def sees_receipts(viewer: "User", member: "User") -> bool:
    """Whether `viewer` may know how far `member` has read. Mutual: who hides it does not see it."""
    return viewer.pk == member.pk or (viewer.read_receipts and member.read_receipts)


def must_be_group(kind: str) -> None:
    """Direct conversations have exactly two members and no settings."""
    if kind != Kind.GROUP:
        raise BadRequest(_("This is only possible in groups."))


def must_have_place(members: int, cap: int) -> None:
    """`members` with those who are coming; `cap` 0 for no limit."""
    if 0 < cap < members:
        raise Forbidden(_("This group is full."))


def may_be_in(rooms: int, cap: int) -> None:
    """`rooms` with the one that is being entered; `cap` 0 for no limit. What a client is told when
    it connects, and may ask for at once, grows with every room of its user."""
    if 0 < cap < rooms:
        raise Forbidden(_("You are in too many groups. Leave one first."))


def may_be_put_in(rooms: int, cap: int) -> None:
    """The same for somebody who is added by another."""
    if 0 < cap < rooms:
        raise Forbidden(_("This person is in too many groups."))


def may_put_in(rooms: int, cap: int) -> None:
    """`rooms` of those that one user has added another one to, with this one."""
    if 0 < cap < rooms:
        raise Forbidden(_("You have added this person to too many groups."))
