"""Conversations of two."""

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.selectors import person
from imsystem.clock import now_ms
from imsystem.errors import BadRequest, NotFound
from imsystem.ids import is_identity
from rooms import announce, policies
from rooms.choices import Kind
from rooms.heads import Head
from rooms.identity import direct_identity
from rooms.inbox import Inbox
from rooms.models import Member, Room
from rooms.services.admission import NEW_ROOMS, enter, insert_room, must_fit


def open_direct(*, user: User, peer_identity: str, inbox: Inbox) -> tuple[Room, bool]:
    """The one conversation of two people, and whether it is new.

    Raises NotFound for an unknown person, BadRequest for oneself, and Forbidden when it would be
    new to a person who does not let the user add them, or the user is in too many rooms; and
    RateLimited.
    """
    peer = person(user, peer_identity)
    if peer.pk == user.pk:
        raise BadRequest(_("You can't start a conversation with yourself."))
    identity = direct_identity(user.pk, peer.pk)
    if not Member.objects.filter(room_id=identity, user_id=peer.pk, hidden=False).exists():
        policies.require_addable(peer.who_may_add, contact=False)
    room = Room.objects.filter(pk=identity).first()
    created = room is None
    if room is None:
        must_fit("", [user], by=user)
        NEW_ROOMS.take(user.pk)
        room, created = _insert_direct(Room(pk=identity, creator=user, kind=Kind.DIRECT))
    _complete(room, (user, peer), inbox, created=created)
    return room, created


def _complete(room: Room, pair: tuple[User, User], inbox: Inbox, *, created: bool) -> None:
    """Sees to it that both are in their room, and that both are shown it.

    Also when it exists: its maker may have died before both were in it, or one of them has deleted
    their side. They are shown it again, without what they deleted. A member who is new to it starts
    where the other one did, so that what has been said meanwhile is unread.
    """
    members = {member.user_id: member for member in Member.objects.filter(room_id=room.pk)}
    if len(members) == len(pair) and not any(member.hidden for member in members.values()):
        return
    since = min((member.joined_seq for member in members.values()), default=None)
    head = Head() if created else inbox.head_of_joined(room.pk, since)
    since = head.last_seq if since is None else since
    shown = []
    for user in pair:
        member = members.get(user.pk)
        came = enter(room, user, since) if member is None else _show_again(member, user)
        shown += [came] if came else []
    if shown:
        announce.joined(room, shown, head)


def _show_again(member: Member, user: User) -> Member | None:
    hidden = Member.objects.filter(pk=member.pk, hidden=True)
    if not hidden.update(hidden=False, updated_at=now_ms()):
        return None
    member.hidden, member.user = False, user
    return member


def close_direct(*, user: User, peer_identity: str, inbox: Inbox) -> None:
    """Deletes the user's side of their conversation with this person; see close_room."""
    if not is_identity(peer_identity):
        raise NotFound
    room = Room.objects.filter(pk=direct_identity(user.pk, peer_identity)).first()
    if room is None:
        raise NotFound
    close_room(user=user, room=room, inbox=inbox)


def close_room(*, user: User, room: Room, inbox: Inbox) -> None:
    """Deletes the user's side of a conversation: all that was said in it up to now is no longer for
    them, and they do not see the room until something is said in it, or it is opened again. The
    other side stays as it is.

    Raises NotFound if the user does not see it.
    """
    member = Member.objects.filter(room_id=room.pk, user_id=user.pk).first()
    head = inbox.head_of_joined(room.pk)
    if member is None or member.is_out_of_sight(head.last_seq):
        raise NotFound
    cleared = {"hidden": True, "cleared_seq": head.last_seq, "floor_seq": head.last_seq}
    # Of two devices that delete at once the later one has the higher number.
    earlier = Member.objects.filter(pk=member.pk, cleared_seq__lte=head.last_seq)
    if earlier.update(**cleared, updated_at=now_ms()):
        member.floor_seq = head.last_seq
        announce.deleted_by_one(room, member, head)


def _insert_direct(room: Room) -> tuple[Room, bool]:
    try:
        return insert_room(room), True
    except IntegrityError:  # the other side was first
        return Room.objects.get(pk=room.pk), False
