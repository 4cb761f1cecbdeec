"""What has to be true of everybody who is to get into a room, and the membership itself."""

from collections import Counter
from collections.abc import Sequence

from django.conf import settings
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from accounts.choices import Audience
from accounts.models import User
from accounts.selectors import active_users
from imsystem.errors import BadRequest
from imsystem.guesses import guessing
from imsystem.ids import is_identity
from imsystem.limits import Limit
from rooms import policies
from rooms.choices import Role
from rooms.models import Member, Room, new_number
from rooms.selectors import contacts_among
from rooms.services.departures import NOT_MUTED, Mute

MAX_MEMBERS_AT_ONCE = 200
NUMBER_TRIES = 10
NEW_ROOMS = Limit.at("rooms", settings.NEW_ROOMS_PER_USER)


def insert_room(room: Room) -> Room:
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


def enter(
    room: Room,
    user: User,
    since: int,
    role: str = Role.MEMBER,
    mute: Mute = NOT_MUTED,
    added_by: str = "",
) -> Member | None:
    """The new membership, or None when there is one already. `since`: how far the room has got;
    `mute`: that which they left with."""
    member = Member(
        room=room,
        user=user,
        role=role,
        joined_seq=since,
        read_seq=since,
        floor_seq=policies.floor_of(room.history, since),
        added_by=added_by,
        **mute,
    )
    try:
        member.save(force_insert=True)
    except IntegrityError:
        return None
    return member


def people(identities: Sequence[str], field: str, by: User) -> list[User]:
    """The active users of these identities, each once; BadRequest names an unknown one, and the
    user `by` waits after too many of these (RateLimited)."""
    if len(identities) > MAX_MEMBERS_AT_ONCE:
        raise BadRequest(errors={field: [_("Too many people at once.")]})
    wanted = list(dict.fromkeys(identities))
    if not all(is_identity(identity) for identity in wanted):
        raise BadRequest(errors={field: [_("User not found.")]})
    with guessing(by.pk, misses=BadRequest):
        found = active_users(wanted)
        if len(found) != len(wanted):
            raise BadRequest(errors={field: [_("User not found.")]})
    return [found[identity] for identity in wanted]


def must_agree(user: User, people: Sequence[User]) -> None:
    """Raises Forbidden when one of them does not let the user add them; one query at most."""
    asked = [person for person in people if person.who_may_add != Audience.EVERYONE]
    contacts = contacts_among(user.pk, [person.pk for person in asked]) if asked else set()
    for person in asked:
        policies.require_addable(person.who_may_add, contact=person.pk in contacts)


def must_fit(room_identity: str, coming: Sequence[User], *, by: User) -> None:
    """Raises Forbidden when the room would be too full, or somebody in too many rooms. Two at the
    same moment may both find the last place free: one more does no harm."""
    cap = settings.MEMBERS_PER_ROOM
    if cap:
        present = Member.objects.filter(room_id=room_identity).count() if room_identity else 0
        policies.require_place(present + len(coming), cap)
    if not (
        settings.ROOMS_PER_USER or settings.ROOMS_ADDED_PER_USER or settings.ROOMS_ADDED_BY_ONE
    ):
        return
    rows = Member.objects.filter(user_id__in=[user.pk for user in coming])
    rooms = _Rooms(list(rows.values_list("user_id", "added_by")))
    for user in coming:
        if user.pk == by.pk:
            # Not those that others have put them in, so that nobody can use this up for them.
            policies.require_few_rooms(rooms.own[user.pk] + 1, settings.ROOMS_PER_USER)
        else:
            policies.require_few_rooms_of_other(rooms.all[user.pk] + 1, settings.ROOMS_PER_USER)
            policies.require_few_rooms_of_other(
                rooms.added[user.pk] + 1, settings.ROOMS_ADDED_PER_USER
            )
            policies.require_few_additions(
                rooms.by[user.pk, by.pk] + 1, settings.ROOMS_ADDED_BY_ONE
            )


class _Rooms:
    """How many rooms users are in, from their memberships as (user, added by)."""

    def __init__(self, memberships: Sequence[tuple[str, str]]) -> None:
        self.all = Counter(user for user, _added_by in memberships)
        self.own = Counter(user for user, added_by in memberships if not added_by)
        self.added = Counter(user for user, added_by in memberships if added_by)
        self.by = Counter(memberships)
