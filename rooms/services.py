"""Everything that changes a room or its members, for REST, pages, admin and commands alike."""

from collections.abc import Sequence

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from accounts.choices import Audience
from accounts.models import User
from accounts.selectors import user_by_identity
from imsystem.errors import BadRequest, NotFound
from imsystem.ids import is_identity
from rooms import announce, policies
from rooms.choices import Kind, Role
from rooms.heads import Head, heads_from_thread
from rooms.identity import direct_identity
from rooms.models import Departure, Member, Room, new_number
from rooms.selectors import contacts_among, membership
from rooms.text import valid_info, valid_name

MAX_MEMBERS_AT_ONCE = 200
NUMBER_TRIES = 10


def _insert_room(room: Room) -> Room:
    """Inserts a new room; a number that is taken is drawn again."""
    for _try in range(NUMBER_TRIES):
        try:
            room.save(force_insert=True)
            return room
        except IntegrityError:
            if Room.objects.filter(pk=room.pk).exists():
                raise
            room.number = new_number()
    raise RuntimeError("no free room number")


def _add(room: Room, user: User, role: str = Role.MEMBER, joined_seq: int = 0) -> Member | None:
    """The new membership, or None when there is one already."""
    member = Member(room=room, user=user, role=role, joined_seq=joined_seq, read_seq=joined_seq)
    try:
        member.save(force_insert=True)
    except IntegrityError:
        return None
    return member


def _people(identities: Sequence[str], field: str) -> list[User]:
    """The active users of these identities, each once; BadRequest names an unknown one."""
    if len(identities) > MAX_MEMBERS_AT_ONCE:
        raise BadRequest(errors={field: [_("These are too many people at once.")]})
    wanted = list(dict.fromkeys(identities))
    if not all(is_identity(identity) for identity in wanted):
        raise BadRequest(errors={field: [_("There is no such user.")]})
    found = User.objects.filter(is_active=True).in_bulk(wanted)
    if len(found) != len(wanted):
        raise BadRequest(errors={field: [_("There is no such user.")]})
    return [found[identity] for identity in wanted]


def _must_agree(user: User, people: Sequence[User]) -> None:
    """Raises Forbidden when one of them does not let the user add them; one query at most."""
    asked = [person for person in people if person.who_may_add != Audience.EVERYONE]
    contacts = contacts_among(user.pk, [person.pk for person in asked]) if asked else set()
    for person in asked:
        policies.may_be_added(person.who_may_add, contact=person.pk in contacts)


def create_group(*, creator: User, name: str, info: str = "", members: Sequence[str] = ()) -> Room:
    """A new group with its creator as owner and `members` (identities) in it.

    Raises Forbidden, and makes nothing, when one of them does not let the creator add them.
    """
    room = Room(name=valid_name(name), info=valid_info(info), creator=creator, kind=Kind.GROUP)
    people = [user for user in _people(members, "members") if user.pk != creator.pk]
    _must_agree(creator, people)
    _insert_room(room)
    joined = [_add(room, creator, Role.OWNER), *(_add(room, user) for user in people)]
    announce.joined(room, [member for member in joined if member], Head())
    return room


def open_direct(*, user: User, peer_identity: str) -> tuple[Room, bool]:
    """The one conversation of two people, and whether it is new.

    Raises NotFound for an unknown person, BadRequest for oneself, and Forbidden when it would be
    new to a person who does not let the user add them.
    """
    peer = user_by_identity(peer_identity)
    if peer.pk == user.pk:
        raise BadRequest(_("You cannot start a conversation with yourself."))
    identity = direct_identity(user.pk, peer.pk)
    if not Member.objects.filter(room_id=identity, user_id=peer.pk).exists():
        policies.may_be_added(peer.who_may_add, contact=False)
    room = Room.objects.filter(pk=identity).first()
    created = room is None
    if room is None:
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
    head = Head() if created else heads_from_thread([room.pk])[room.pk]
    since = min(started.values(), default=head.last_seq)
    joined = [member for person in pair if (member := _add(room, person, joined_seq=since))]
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
    _note_departures(identity, pair)
    # One command for both: neither is left alone in the room, and of two closers one wins.
    removed, _by_model = members.delete()
    if not removed:
        raise NotFound
    announce.removed(identity, pair, "removed")


def _insert_direct(room: Room) -> tuple[Room, bool]:
    try:
        return _insert_room(room), True
    except IntegrityError:  # the other side was first
        return Room.objects.get(pk=room.pk), False


def join(*, user: User, room_identity: str) -> Room:
    """Joins a group; being in it already changes nothing. NotFound for direct rooms."""
    room = None
    if is_identity(room_identity):
        room = Room.objects.filter(pk=room_identity, kind=Kind.GROUP).first()
    if room is None:
        raise NotFound
    head = heads_from_thread([room.identity])[room.identity]
    member = _add(room, user, joined_seq=head.last_seq)
    if member:
        announce.joined(room, [member], head)
    return room


def leave(*, user: User, room_identity: str) -> None:
    """Leaves a group. The owner hands it over first (Forbidden)."""
    member = membership(user, room_identity)
    policies.may_leave(_access(member), member.room.kind)
    _remove(member, "left")


def add_member(*, user: User, room_identity: str, peer_identity: str) -> Member:
    """An owner or admin adds somebody; being in it already changes nothing.

    Raises Forbidden also when the person does not let the user add them.
    """
    member = membership(user, room_identity)
    policies.must_be_group(member.room.kind)
    policies.may_manage(_access(member))
    (peer,) = _people([peer_identity], "user_identity")
    if Member.objects.filter(room_id=room_identity, user_id=peer.pk).exists():
        return membership(peer, room_identity)
    _must_agree(user, [peer])
    head = heads_from_thread([room_identity])[room_identity]
    added = _add(member.room, peer, joined_seq=head.last_seq)
    if added:
        announce.joined(member.room, [added], head)
        return added
    return membership(peer, room_identity)


def remove_member(*, user: User, room_identity: str, peer_identity: str) -> None:
    """Kicks a member of lower rank; removing oneself is leaving."""
    if peer_identity == user.pk:
        leave(user=user, room_identity=room_identity)
        return
    member, target = _pair(user, room_identity, peer_identity)
    policies.may_manage_member(_access(member), _access(target))
    _remove(target, "kicked")


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
        raise BadRequest(_("You cannot change your own membership."))
    if role is None and muted_until is None:
        raise BadRequest
    if muted_until is not None:
        policies.may_manage_member(_access(member), _access(target))
        target.muted_until = max(0, muted_until)
    if role is not None:
        policies.may_change_roles(_access(member))
        target.role = role
    target.save(update_fields=["role", "muted_until"])
    announce.member_changed(target)
    if role == Role.OWNER:
        member.role = Role.ADMIN
        member.save(update_fields=["role"])
        announce.member_changed(member)
    return target


def update_room(
    *, user: User, room_identity: str, name: str | None = None, info: str | None = None
) -> Room:
    """Changes a group's name or description."""
    member = membership(user, room_identity)
    room = member.room
    policies.must_be_group(room.kind)
    policies.may_manage(_access(member))
    if name is None and info is None:
        raise BadRequest
    if name is not None:
        room.name = valid_name(name)
    if info is not None:
        room.info = valid_info(info)
    room.save(update_fields=["name", "info"])
    announce.room_changed(room)
    return room


def delete_room(*, user: User, room_identity: str) -> None:
    """The owner deletes a group: nobody is a member any more; its messages stay stored."""
    member = membership(user, room_identity)
    policies.may_delete(_access(member), member.room.kind)
    people = list(Member.objects.filter(room_id=room_identity).values_list("user_id", flat=True))
    _note_departures(room_identity, people)
    Room.objects.filter(pk=room_identity).delete()
    announce.removed(room_identity, people, "deleted")


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


def _note_departures(room_identity: str, user_identities: Sequence[str]) -> None:
    """Once for each person. That two at the same moment may note one twice does no harm."""
    rows = Departure.objects.filter(user_identity__in=user_identities, room_identity=room_identity)
    known = set(rows.values_list("user_identity", flat=True))
    Departure.objects.bulk_create(
        Departure(user_identity=user, room_identity=room_identity)
        for user in user_identities
        if user not in known
    )


def _remove(member: Member, reason: str) -> None:
    _note_departures(member.room_id, [member.user_id])
    Member.objects.filter(pk=member.pk).delete()
    announce.removed(member.room_id, [member.user_id], reason)


def _access(member: Member) -> policies.Access:
    return policies.Access(
        user_identity=member.user_id,
        room_identity=member.room_id,
        role=member.role,
        muted_until=member.muted_until,
        joined_seq=member.joined_seq,
    )
