"""Members of a group: leaving, removing, roles, mutes."""

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from imsystem.clock import now_ms
from imsystem.errors import AppError, BadRequest, NotFound
from imsystem.ids import is_identity
from rooms import announce, bans, policies
from rooms.choices import BanKind, Role
from rooms.models import Ban, Member
from rooms.selectors import access_of, added_memberships
from rooms.services.ownership import acting, leave_as_owner, offer
from rooms.services.removal import remove


def leave(*, user: User, room_identity: str) -> None:
    """Leaves a group. An owner offers it to somebody first or deletes it (Forbidden), unless they
    became its owner without being asked."""
    member = acting(user, room_identity)
    policies.require_leave(access_of(member))
    if not _go(member):
        leave(user=user, room_identity=room_identity)


def leave_added(*, user: User, added_by: str = "", days: int | None = None) -> int:
    """Leaves all groups that the user was added to: by one other user only if `added_by` is given,
    in the last `days` only if those are. Returns how many.

    Groups that the user has accepted the ownership of stay.
    """
    return sum(_undo(member.pk) for member in added_memberships(user, added_by, days))


def _undo(member_identity: str) -> bool:
    while member := Member.objects.filter(pk=member_identity).first():
        if member.role == Role.OWNER and not member.inherited:
            return False
        if _go(member):
            return True
    return False


def _go(member: Member) -> bool:
    """Returns False if something about the member has changed meanwhile."""
    return leave_as_owner(member) if member.role == Role.OWNER else remove(member, "left")


def remove_member(*, user: User, room_identity: str, peer_identity: str) -> None:
    """Kicks a member of lower rank, who comes back only when somebody adds them; removing oneself
    is leaving."""
    if peer_identity == user.pk:
        leave(user=user, room_identity=room_identity)
        return
    _pair(user, room_identity, peer_identity)
    row = Ban(kind=BanKind.KICK, actor_identity=user.pk)
    row.room_identity, row.user_identity = room_identity, peer_identity
    take_out(user, row)


def take_out(user: User, row: Ban) -> None:
    """Stores the row, then removes the member it is about, if there is one.

    In this order, and by room and user, not by membership: see joining.py. Who leaves at the same
    moment is out, too, and stays out. Raises Forbidden, and leaves no row, for a member of the same
    rank or a higher one.
    """
    where, reason = (row.room_identity, row.user_identity), _REASONS[row.kind]
    _judge(user, *where)
    bans.put(row)
    try:
        while (target := _judge(user, *where)) and not remove(target, reason):
            pass  # they have another role or mute by now
    except AppError:
        bans.forgive(row)
        raise


_REASONS: dict[str, str] = {BanKind.KICK: "kicked", BanKind.BAN: "banned"}


def _judge(user: User, room_identity: str, peer_identity: str) -> Member | None:
    """The membership of somebody the user may remove, None when they are not in the room."""
    member = acting(user, room_identity)
    target = Member.objects.filter(room_id=room_identity, user_id=peer_identity).first()
    if target is not None:
        target.room = member.room
        policies.require_manage_member(access_of(member), access_of(target))
    return target


def change_member(
    *,
    user: User,
    room_identity: str,
    peer_identity: str,
    role: str | None = None,
    muted_until: int | None = None,
) -> Member:
    """Changes a member's role or mutes them until a time (Unix ms; 0 unmutes).

    `owner` offers the group to the member, who becomes its owner by accepting (ownership.py).
    """
    member, target = _pair(user, room_identity, peer_identity)
    if member.pk == target.pk:
        raise BadRequest(_("You can't change your own membership."))
    if role is None and muted_until is None:
        raise BadRequest
    changes = dict[str, str | int]()
    if muted_until is not None:
        policies.require_manage_member(access_of(member), access_of(target))
        changes["muted_until"] = max(0, muted_until)
        changes["muted_at"] = max(now_ms(), target.muted_at + 1)
    if role is not None:
        policies.require_own(access_of(member))
        if role != Role.OWNER:
            changes["role"] = role
    if changes and not _change(target, changes):
        return change_member(
            user=user,
            room_identity=room_identity,
            peer_identity=peer_identity,
            role=role,
            muted_until=muted_until,
        )
    if changes:
        announce.member_changed(target)
    if role == Role.OWNER:
        offer(member, target)
    return target


def _pair(user: User, room_identity: str, peer_identity: str) -> tuple[Member, Member]:
    """The caller's and the other's membership of a group; NotFound when either is none."""
    member = acting(user, room_identity)
    policies.require_group(access_of(member))
    target = None
    if is_identity(peer_identity):
        target = Member.objects.filter(room_id=room_identity, user_id=peer_identity).first()
    if target is None:
        raise NotFound
    target.room = member.room
    return member, target


def _change(member: Member, changes: dict[str, str | int]) -> bool:
    """False, and nothing changes, when the member has another role by now or is gone: what was
    judged about them is not so any more, and whoever judged judges again."""
    still = Member.objects.filter(pk=member.pk, role=member.role)
    changes = {**changes, "updated_at": now_ms()}
    if still.update(**changes) != 1:
        return False
    for name, value in changes.items():
        setattr(member, name, value)
    return True
