"""Everything that changes a room or its members, for REST, pages, admin and commands alike."""

from collections import Counter
from collections.abc import Sequence

from django.conf import settings
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from accounts.choices import Audience
from accounts.models import User
from accounts.selectors import user_by_identity
from imsystem.clock import now_ms
from imsystem.errors import BadRequest, Forbidden, NotFound
from imsystem.ids import is_identity
from imsystem.limits import Limit
from rooms import announce, policies
from rooms.choices import Kind, Role
from rooms.heads import Head, heads_from_thread
from rooms.identity import direct_identity
from rooms.models import Departure, Member, Room, new_number
from rooms.selectors import contacts_among, membership
from rooms.text import valid_info, valid_name

MAX_MEMBERS_AT_ONCE = 200
NUMBER_TRIES = 10
NEW_ROOMS = Limit.at("rooms", settings.NEW_ROOMS_PER_USER)


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


def _must_fit(room_identity: str, coming: Sequence[User], *, by: User) -> None:
    """Raises Forbidden when the room would be too full, or somebody in too many rooms. Two at the
    same moment may both find the last place free: one more does no harm."""
    cap = settings.MEMBERS_PER_ROOM
    if cap:
        present = Member.objects.filter(room_id=room_identity).count() if room_identity else 0
        policies.must_have_place(present + len(coming), cap)
    if settings.ROOMS_PER_USER:
        rows = Member.objects.filter(user_id__in=[user.pk for user in coming])
        rooms = Counter(rows.values_list("user_id", flat=True))
        for user in coming:
            judge = policies.may_be_in if user.pk == by.pk else policies.may_be_put_in
            judge(rooms[user.pk] + 1, settings.ROOMS_PER_USER)


def create_group(*, creator: User, name: str, info: str = "", members: Sequence[str] = ()) -> Room:
    """A new group with its creator as owner and `members` (identities) in it.

    Raises Forbidden, and makes nothing, when one of them does not let the creator add them or is
    in too many rooms, and RateLimited.
    """
    room = Room(name=valid_name(name), info=valid_info(info), creator=creator, kind=Kind.GROUP)
    people = [user for user in _people(members, "members") if user.pk != creator.pk]
    _must_agree(creator, people)
    _must_fit("", [creator, *people], by=creator)
    NEW_ROOMS.take(creator.pk)
    _insert_room(room)
    joined = [_add(room, creator, Role.OWNER), *(_add(room, user) for user in people)]
    announce.joined(room, [member for member in joined if member], Head())
    return room


def open_direct(*, user: User, peer_identity: str) -> tuple[Room, bool]:
    """The one conversation of two people, and whether it is new.

    Raises NotFound for an unknown person, BadRequest for oneself, and Forbidden when it would be
    new to a person who does not let the user add them, or the user is in too many rooms; and
    RateLimited.
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
        _must_fit("", [user], by=user)
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
    """Joins a group; being in it already changes nothing. NotFound for direct rooms, Forbidden
    when it is full or the user in too many rooms."""
    room = None
    if is_identity(room_identity):
        room = Room.objects.filter(pk=room_identity, kind=Kind.GROUP).first()
    if room is None:
        raise NotFound
    if not Member.objects.filter(room_id=room.pk, user_id=user.pk).exists():
        _must_fit(room.pk, [user], by=user)
    head = heads_from_thread([room.identity])[room.identity]
    member = _add(room, user, joined_seq=head.last_seq)
    if member:
        announce.joined(room, [member], head)
    return room


def leave(*, user: User, room_identity: str) -> None:
    """Leaves a group. The owner hands it over first (Forbidden)."""
    member = membership(user, room_identity)
    policies.may_leave(_access(member), member.room.kind)
    if not _remove(member, "left"):
        leave(user=user, room_identity=room_identity)


def add_member(*, user: User, room_identity: str, peer_identity: str) -> Member:
    """An owner or admin adds somebody; being in it already changes nothing.

    Raises Forbidden also when the person does not let the user add them or is in too many rooms,
    and when the room is full.
    """
    member = membership(user, room_identity)
    policies.must_be_group(member.room.kind)
    policies.may_manage(_access(member))
    (peer,) = _people([peer_identity], "user_identity")
    if Member.objects.filter(room_id=room_identity, user_id=peer.pk).exists():
        return membership(peer, room_identity)
    _must_agree(user, [peer])
    _must_fit(room_identity, [peer], by=user)
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
    if not _remove(target, "kicked"):
        remove_member(user=user, room_identity=room_identity, peer_identity=peer_identity)


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
    before, changes = target.role, dict[str, str | int]()
    if muted_until is not None:
        policies.may_manage_member(_access(member), _access(target))
        changes["muted_until"] = max(0, muted_until)
    if role is not None:
        policies.may_change_roles(_access(member))
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
    room.name = room.name if name is None else valid_name(name)
    room.info = room.info if info is None else valid_info(info)
    room.updated_at = now_ms()
    changes = {"name": room.name, "info": room.info, "updated_at": room.updated_at}
    if Room.objects.filter(pk=room.pk).update(**changes) != 1:
        raise NotFound  # deleted at this moment
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
    """False under the same condition: an owner made at this moment does not leave the room."""
    _note_departures(member.room_id, [member.user_id])
    removed, _by_model = Member.objects.filter(pk=member.pk, role=member.role).delete()
    if removed:
        announce.removed(member.room_id, [member.user_id], reason)
    return bool(removed)


def _access(member: Member) -> policies.Access:
    return policies.Access(
        user_identity=member.user_id,
        room_identity=member.room_id,
        role=member.role,
        muted_until=member.muted_until,
        joined_seq=member.joined_seq,
    )
