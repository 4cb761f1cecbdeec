"""The end of a membership and of what depends on it, for everybody who ends one."""

from imsystem.clock import now_ms
from rooms import announce
from rooms.models import Member
from rooms.services.departures import note_departures


def remove(member: Member, reason: str) -> bool:
    """Takes a member out of a group.

    Returns False, and changes nothing, if they have another role by now, so that an owner made at
    this moment stays, or were muted at this moment, so that the mute is not lost.
    """
    note_departures(member.room_id, [member])
    same = Member.objects.filter(pk=member.pk, role=member.role, muted_at=member.muted_at)
    removed, _by_model = same.delete()
    if removed:
        forget_offer(member.room_id, member.user_id)
        announce.removed(member.room_id, [member.user_id], reason)
    return bool(removed)


def forget_offer(room_identity: str, user_identity: str) -> None:
    """Ends the offer of a group to this user, if there is one."""
    owner = Member.objects.filter(room_id=room_identity, offers_to=user_identity).first()
    if owner is None:
        return
    same = Member.objects.filter(pk=owner.pk, offers_to=user_identity, passing_to="")
    if same.update(offers_to="", offers_until=0, updated_at=now_ms()):
        announce.offered(owner, user_identity, offered=False)
