"""Bans: somebody is out and stays out, until it is lifted."""

from accounts.models import User
from accounts.selectors import person
from rooms import bans, policies
from rooms.choices import BanKind
from rooms.models import Ban
from rooms.selectors import access_of
from rooms.services.members import take_out
from rooms.services.ownership import acting
from rooms.text import valid_reason


def ban(*, user: User, room_identity: str, peer_identity: str, reason: str = "") -> None:
    """Removes somebody from a group, if they are in it, and keeps them out: they cannot join, and
    nobody can add them. Raises Forbidden for members of the same rank or a higher one."""
    member = acting(user, room_identity)
    policies.require_manage(access_of(member))
    peer = person(user, peer_identity)
    row = Ban(kind=BanKind.BAN, reason=valid_reason(reason), actor_identity=user.pk)
    row.room_identity, row.user_identity = room_identity, peer.pk
    take_out(user, row)


def lift_ban(*, user: User, room_identity: str, peer_identity: str) -> None:
    """Ends a ban, or what a kick has left; without one nothing changes."""
    member = acting(user, room_identity)
    policies.require_manage(access_of(member))
    bans.lift(room_identity, peer_identity)
