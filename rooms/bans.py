"""Who was removed from a room and cannot come back by themselves: the rows, without the rules."""

from collections.abc import Sequence

from django.db import IntegrityError

from imsystem.ids import is_identity
from rooms.choices import BanKind
from rooms.models import Ban

Row = Ban | None


def find(room_identity: str, user_identity: str) -> Row:
    return Ban.objects.filter(room_identity=room_identity, user_identity=user_identity).first()


def kind_of(row: Row) -> str:
    """The kind of a row, "" without one."""
    return row.kind if row else ""


def of_room(room_identity: str) -> Sequence[Ban]:
    """The newest first."""
    rows = list(Ban.objects.filter(room_identity=room_identity))
    return sorted(rows, key=lambda row: row.created_at, reverse=True)


def put(wanted: Ban) -> Ban:
    """Stores a row in place of the one there is, with an identity of its own: who has seen the
    earlier one (joining.py) sees that this is another. A kick does not replace a ban."""
    while True:
        known = find(wanted.room_identity, wanted.user_identity)
        if known and (known.kind, wanted.kind) == (BanKind.BAN, BanKind.KICK):
            return known
        if known:
            Ban.objects.filter(pk=known.pk).delete()
        try:
            wanted.save(force_insert=True)
        except IntegrityError:
            continue  # another one came in between
        return wanted


def forgive(row: Row) -> None:
    """Deletes this very row, not one that was put in its place."""
    if row is not None:
        Ban.objects.filter(pk=row.pk).delete()


def lift(room_identity: str, user_identity: str) -> None:
    if is_identity(user_identity):
        Ban.objects.filter(room_identity=room_identity, user_identity=user_identity).delete()
