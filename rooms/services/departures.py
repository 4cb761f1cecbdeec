"""What is kept of somebody who is no longer in a room: that they were there, and their mute."""

from collections.abc import Sequence
from typing import TypedDict

from imsystem.clock import now_ms
from rooms.models import Departure, Member


class Mute(TypedDict):
    """As in Member."""

    muted_until: int
    muted_at: int


NOT_MUTED = Mute(muted_until=0, muted_at=0)


def note_departures(room_identity: str, members: Sequence[Member]) -> None:
    """Notes who leaves, before the memberships go, and until when they are muted.

    An earlier mute does not replace a later one: whoever leaves on two devices at once, and is
    muted in between, is noted twice, in either order. That two at the same moment may write one
    note twice does no harm.
    """
    users = [member.user_id for member in members]
    rows = Departure.objects.filter(user_identity__in=users, room_identity=room_identity)
    known = set(rows.values_list("user_identity", flat=True))
    Departure.objects.bulk_create(
        Departure(user_identity=member.user_id, room_identity=room_identity, **_mute(member))
        for member in members
        if member.user_id not in known
    )
    for member in members:
        if member.user_id in known:
            notes = Departure.objects.filter(
                user_identity=member.user_id, room_identity=room_identity
            )
            earlier = notes.filter(muted_at__lte=member.muted_at)
            earlier.update(**_mute(member), updated_at=now_ms())


def _mute(member: Member | Departure) -> Mute:
    return {"muted_until": member.muted_until, "muted_at": member.muted_at}


def mute_left_behind(room_identity: str, user_identity: str) -> Mute:
    """`muted_until` and `muted_at` of somebody who comes back to a room, or comes anew."""
    notes = Departure.objects.filter(user_identity=user_identity, room_identity=room_identity)
    latest = max(notes, key=lambda note: note.muted_at, default=None)
    return _mute(latest) if latest else NOT_MUTED
