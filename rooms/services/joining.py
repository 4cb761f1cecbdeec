"""Getting into a group: by its number, or by being added."""

from accounts.models import User
from imsystem.errors import Forbidden
from rooms import announce, bans, policies
from rooms.inbox import Inbox
from rooms.models import Member, Room
from rooms.selectors import access_of, find_group, membership
from rooms.services.admission import enter, must_agree, must_fit, people
from rooms.services.departures import mute_left_behind
from rooms.services.ownership import acting


def join(*, user: User, number: str, inbox: Inbox, source: str = "") -> Room:
    """Joins the group with a number; being in it already changes nothing.

    Raises NotFound when there is none, RateLimited after too many of these, and Forbidden when the
    group takes nobody by number, the user was removed from it, it is full or the user in too many.
    """
    room = find_group(user, number, source)
    if Member.objects.filter(room_id=room.pk, user_id=user.pk).exists():
        return room
    policies.require_join(room.join_rule, bans.kind_of(bans.find(room.pk, user.pk)))
    must_fit(room.pk, [user], by=user)
    _enter(room, user, None, inbox)
    return room


def add_member(*, user: User, room_identity: str, peer_identity: str, inbox: Inbox) -> Member:
    """An owner or admin adds somebody; being in it already changes nothing. Somebody who was kicked
    is let in again by this, somebody who is banned is not (Forbidden).

    Raises Forbidden also when the person does not let the user add them or is in too many rooms,
    and when the room is full.
    """
    member = acting(user, room_identity)
    policies.require_manage(access_of(member))
    (peer,) = people([peer_identity], "user_identity", user)
    if Member.objects.filter(room_id=room_identity, user_id=peer.pk).exists():
        return membership(peer, room_identity)
    known = bans.find(room_identity, peer.pk)
    policies.require_let_in(bans.kind_of(known))
    must_agree(user, [peer])
    must_fit(room_identity, [peer], by=user)
    added = _enter(member.room, peer, known, inbox, user.pk)
    bans.forgive(known)
    return added or membership(peer, room_identity)


def _enter(
    room: Room, user: User, forgiven: bans.Row, inbox: Inbox, added_by: str = ""
) -> Member | None:
    """The new membership, announced; None when there is one already.

    Raises Forbidden when the user is removed at this moment. Whoever removes them writes the ban
    first and then takes the membership; here it is the other way round, so one sees the other.
    """
    head = inbox.head_of_joined(room.identity)
    mute = mute_left_behind(room.pk, user.pk)
    member = enter(room, user, head.last_seq, mute=mute, added_by=added_by)
    if member is None:
        return None
    if bans.find(room.pk, user.pk) != forgiven:
        Member.objects.filter(pk=member.pk).delete()
        announce.removed(room.pk, [user.pk], "kicked")
        raise Forbidden(policies.REMOVED)
    announce.joined(room, [member], head)
    return member
