"""What becomes of a person's rooms when their account is deleted."""

from accounts.models import User
from rooms.choices import Kind, Role
from rooms.models import Ban, Departure, Member, Room
from rooms.services.ownership import leave_as_owner
from rooms.services.removal import remove


def leave_all_groups(user: User) -> None:
    """Takes the user out of all groups. Those they own get another owner; one without anybody
    else is deleted. Conversations of two stay for the other side.

    Interrupted anywhere, it can be called again.
    """
    rooms = list(Member.objects.filter(user_id=user.pk).values_list("room_id", flat=True))
    for room in Room.objects.filter(kind=Kind.GROUP).in_bulk(rooms):
        while (member := _membership(user, room)) and not _leave(member):
            pass  # they became the owner at this moment, or are no longer the owner
    Departure.objects.filter(user_identity=user.pk).delete()
    Ban.objects.filter(user_identity=user.pk).delete()


def _membership(user: User, room_identity: str) -> Member | None:
    return Member.objects.filter(room_id=room_identity, user_id=user.pk).first()


def _leave(member: Member) -> bool:
    return leave_as_owner(member) if member.role == Role.OWNER else remove(member, "left")
