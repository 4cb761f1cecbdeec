"""What becomes of a person's rooms when their account is deleted."""

from accounts.models import User
from imsystem.clock import now_ms
from rooms import announce
from rooms.choices import Kind, Role
from rooms.models import Ban, Departure, Member, Room


def leave_all_groups(user: User) -> None:
    """Takes the user out of all groups. Those they own get another owner; one without anybody
    else is deleted. Conversations of two stay for the other side.

    Interrupted anywhere, it can be called again.
    """
    members = list(Member.objects.filter(user_id=user.pk))
    rooms = Room.objects.filter(kind=Kind.GROUP).in_bulk([member.room_id for member in members])
    for member in members:
        if member.room_id in rooms:
            _leave(member)
    Departure.objects.filter(user_identity=user.pk).delete()
    Ban.objects.filter(user_identity=user.pk).delete()


def _leave(member: Member) -> None:
    if member.role == Role.OWNER and not _hand_over(member):
        Room.objects.filter(pk=member.room_id).delete()
        Ban.objects.filter(room_identity=member.room_id).delete()
        announce.removed(member.room_id, [member.user_id], "deleted")
        return
    Member.objects.filter(pk=member.pk).delete()
    announce.removed(member.room_id, [member.user_id], "left")


def _hand_over(owner: Member) -> bool:
    """Makes the admin who is in the room for longest its owner, or without admins the member.

    False when nobody is left. Whoever leaves at this very moment is passed over.
    """
    for heir in _succession(owner):
        heir.role, heir.muted_until = Role.OWNER, 0
        changes = {"role": Role.OWNER, "muted_until": 0, "updated_at": now_ms()}
        if Member.objects.filter(pk=heir.pk).update(**changes) == 1:
            announce.member_changed(heir)
            return True
    return False


def _succession(owner: Member) -> list[Member]:
    """The others, who is to follow first. Another owner is there when this was interrupted."""
    others = list(Member.objects.filter(room_id=owner.room_id).exclude(pk=owner.pk))
    people = User.objects.filter(pk__in=[member.user_id for member in others], is_active=True)
    active = set(people.values_list("pk", flat=True))
    ranks = [Role.OWNER, Role.ADMIN, Role.MEMBER]

    def place(member: Member) -> tuple[bool, int, int, str]:
        rank = ranks.index(Role(member.role))
        return member.user_id not in active, rank, member.created_at, member.pk

    return sorted(others, key=place)
