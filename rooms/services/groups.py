"""Groups: new ones, their settings, their end."""

from collections.abc import Callable, Sequence

from accounts.models import User
from imsystem.clock import now_ms
from imsystem.errors import BadRequest, NotFound
from rooms import announce, policies
from rooms.choices import History, JoinRule, Kind, Role
from rooms.heads import Head
from rooms.inbox import Inbox
from rooms.models import Ban, Member, Room
from rooms.selectors import access_of
from rooms.services.admission import NEW_ROOMS, enter, insert_room, must_agree, must_fit, people
from rooms.services.departures import note_departures
from rooms.services.direct import close_room
from rooms.services.ownership import acting
from rooms.text import valid_history, valid_info, valid_join_rule, valid_name


def create_group(
    *,
    creator: User,
    name: str,
    info: str = "",
    members: Sequence[str] = (),
    join_rule: str = JoinRule.OPEN,
    history: str = History.ALL,
) -> Room:
    """A new group with its creator as owner and `members` (identities) in it.

    Raises Forbidden, and makes nothing, when one of them does not let the creator add them or is
    in too many rooms, and RateLimited.
    """
    room = Room(name=valid_name(name), info=valid_info(info), creator=creator, kind=Kind.GROUP)
    room.join_rule, room.history = valid_join_rule(join_rule), valid_history(history)
    others = [user for user in people(members, "members", creator) if user.pk != creator.pk]
    must_agree(creator, others)
    must_fit("", [creator, *others], by=creator)
    NEW_ROOMS.take(creator.pk)
    insert_room(room)
    joined = [
        enter(room, creator, 0, Role.OWNER),
        *(enter(room, user, 0, added_by=creator.pk) for user in others),
    ]
    announce.joined(room, [member for member in joined if member], Head())
    return room


def update_room(*, user: User, room_identity: str, **changes: str) -> Room:
    """Changes what is said of a group and who gets in: name, info, join_rule, history.

    Members who could not read what was said before they came may when `history` becomes `all`.
    """
    member = acting(user, room_identity)
    room = member.room
    policies.require_manage(access_of(member))
    if not changes:
        raise BadRequest
    fields: dict[str, str | int] = {name: _VALID[name](text) for name, text in changes.items()}
    fields["updated_at"] = now_ms()
    if Room.objects.filter(pk=room.pk).update(**fields) != 1:
        raise NotFound  # deleted at this moment
    for name, value in fields.items():
        setattr(room, name, value)
    if fields.get("history") == History.ALL:
        _lift_floors(room)
    announce.room_changed(room)
    return room


_VALID: dict[str, Callable[[str], str]] = {
    "name": valid_name,
    "info": valid_info,
    "join_rule": valid_join_rule,
    "history": valid_history,
}


def _lift_floors(room: Room) -> None:
    held_back = Member.objects.filter(room_id=room.pk, floor_seq__gt=0)
    if held_back.update(floor_seq=0, updated_at=now_ms()):
        announce.revealed(room.identity)


def delete_room(*, user: User, room_identity: str, inbox: Inbox) -> None:
    """The owner deletes a group: nobody is a member any more; its messages stay stored. Of a
    conversation of two one's own side is deleted (direct.py)."""
    member = acting(user, room_identity)
    if member.room.kind == Kind.DIRECT:
        close_room(user=user, room=member.room, inbox=inbox)
        return
    policies.require_own(access_of(member))
    members = list(Member.objects.filter(room_id=room_identity))
    note_departures(room_identity, members)
    Room.objects.filter(pk=room_identity).delete()
    Ban.objects.filter(room_identity=room_identity).delete()
    announce.removed(room_identity, [gone.user_id for gone in members], "deleted")
