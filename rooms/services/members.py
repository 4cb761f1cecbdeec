"""Members of a group: leaving, removing, roles, mutes."""

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from imsystem.clock import now_ms
from imsystem.errors import AppError, BadRequest, Forbidden, NotFound
from imsystem.ids import is_identity
from rooms import announce, bans, policies
from rooms.choices import BanKind, Role
from rooms.models import Ban, Member
from rooms.selectors import access_of, membership
from rooms.services.departures import note_departures


def leave(*, user: User, room_identity: str) -> None:
    """Leaves a group. The owner hands it over first (Forbidden)."""
    member = membership(user, room_identity)
    policies.may_leave(access_of(member), member.room.kind)
    if not _remove(member, "left"):
        leave(user=user, room_identity=room_identity)


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
        while (target := _judge(user, *where)) and not _remove(target, reason):
            pass  # they have another role or mute by now
    except AppError:
        bans.forgive(row)
        raise


_REASONS: dict[str, str] = {BanKind.KICK: "kicked", BanKind.BAN: "banned"}


def _judge(user: User, room_identity: str, peer_identity: str) -> Member | None:
    """The membership of somebody the user may remove, None when they are not in the room."""
    member = membership(user, room_identity)
    target = Member.objects.filter(room_id=room_identity, user_id=peer_identity).first()
    if target is not None:
        policies.may_manage_member(access_of(member), access_of(target))
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

    Making somebody else owner hands the room over: the old owner becomes an admin.
    """
    member, target = _pair(user, room_identity, peer_identity)
    if member.pk == target.pk:
        raise BadRequest(_("You can't change your own membership."))
    if role is None and muted_until is None:
        raise BadRequest
    before, changes = target.role, dict[str, str | int]()
    if muted_until is not None:
        policies.may_manage_member(access_of(member), access_of(target))
        changes["muted_until"] = max(0, muted_until)
        changes["muted_at"] = max(now_ms(), target.muted_at + 1)
    if role is not None:
        policies.may_change_roles(access_of(member))
        changes["role"] = role
    if not _change(target, changes):
        return change_member(
            user=user,
            room_identity=room_identity,
            peer_identity=peer_identity,
            role=role,
            muted_until=muted_until,
        )
    if role == Role.OWNER and not _change(member, {"role": Role.ADMIN}):
        _change(target, {"role": before})  # of two hand-overs at once the other one counts
        raise Forbidden(_("Only the owner can do this."))
    announce.member_changed(target)
    if role == Role.OWNER:
        announce.member_changed(member)
    return target


def _pair(user: User, room_identity: str, peer_identity: str) -> tuple[Member, Member]:
    """The caller's and the other's membership of a group; NotFound when either is none."""
    member = membership(user, room_identity)
    policies.must_be_group(member.room.kind)
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


def _remove(member: Member, reason: str) -> bool:
    """False under the same condition: an owner made at this moment does not leave the room. And
    when they were muted at this moment, so that the mute is not lost."""
    note_departures(member.room_id, [member])
    still = Member.objects.filter(pk=member.pk, role=member.role, muted_at=member.muted_at)
    removed, _by_model = still.delete()
    if removed:
        announce.removed(member.room_id, [member.user_id], reason)
    return bool(removed)
