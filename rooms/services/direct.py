"""Conversations of two."""

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.selectors import person
from imsystem.errors import BadRequest, NotFound
from imsystem.ids import is_identity
from rooms import announce, policies
from rooms.choices import Kind
from rooms.heads import Head, head_of_joined
from rooms.identity import direct_identity
from rooms.models import Member, Room
from rooms.services.admission import NEW_ROOMS, enter, insert_room, must_fit
from rooms.services.departures import note_departures


def open_direct(*, user: User, peer_identity: str) -> tuple[Room, bool]:
    """The one conversation of two people, and whether it is new.

    Raises NotFound for an unknown person, BadRequest for oneself, and Forbidden when it would be
    new to a person who does not let the user add them, or the user is in too many rooms; and
    RateLimited.
    """
    peer = person(user, peer_identity)
    if peer.pk == user.pk:
        raise BadRequest(_("You can't start a conversation with yourself."))
    identity = direct_identity(user.pk, peer.pk)
    if not Member.objects.filter(room_id=identity, user_id=peer.pk).exists():
        policies.may_be_added(peer.who_may_add, contact=False)
    room = Room.objects.filter(pk=identity).first()
    created = room is None
    if room is None:
        must_fit("", [user], by=user)
        NEW_ROOMS.take(user.pk)
        room, created = _insert_direct(Room(pk=identity, creator=user, kind=Kind.DIRECT))
    _complete(room, (user, peer), created=created)
    return room, created


def _complete(room: Room, pair: tuple[User, User], *, created: bool) -> None:
    """Sees to it that both are in their room.

    Also when it exists: whoever made it may have died before both were in it, or it was closed.
    Then it comes back with its history, read: they start at its newest message, and who follows
    alone starts where the first one did, so that what that one has said meanwhile is unread.
    """
    started = dict(Member.objects.filter(room_id=room.pk).values_list("user_id", "joined_seq"))
    if len(started) == len(pair):
        return
    since = min(started.values(), default=None)
    head = Head() if created else head_of_joined(room.pk, since)
    since = head.last_seq if since is None else since
    joined = [member for person in pair if (member := enter(room, person, since))]
    if joined:
        announce.joined(room, joined, head)


def close_direct(*, user: User, peer_identity: str) -> None:
    """Takes both out of their conversation. It stays stored: `open_direct` brings it back.

    Raises NotFound when the user is in no conversation with that person.
    """
    if not is_identity(peer_identity):
        raise NotFound
    pair = (user.pk, peer_identity)
    identity = direct_identity(*pair)
    members = Member.objects.filter(room_id=identity, user_id__in=pair)
    if not members.exists():
        raise NotFound
    note_departures(identity, list(members))
    # One command for both: neither is left alone in the room, and of two closers one wins.
    removed, _by_model = members.delete()
    if not removed:
        raise NotFound
    announce.removed(identity, pair, "removed")


def _insert_direct(room: Room) -> tuple[Room, bool]:
    try:
        return insert_room(room), True
    except IntegrityError:  # the other side was first
        return Room.objects.get(pk=room.pk), False
