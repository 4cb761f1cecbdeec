"""The rooms in a person's export of their data (accounts/services/export.py)."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from accounts.models import User
from accounts.payloads import shown_name
from imsystem.threads import run_in_thread
from rooms.models import Departure, Member
from rooms.selectors import rooms_without_heads


async def exported_rooms(user: User) -> AsyncIterator[Mapping[str, Any]]:
    """The rooms the user is in, first joined first."""
    for room in await run_in_thread(_rooms, user):
        yield room


def _rooms(user: User) -> list[Mapping[str, Any]]:
    found = rooms_without_heads(user)
    rooms = {room.pk: room for room in found.rooms}
    return [
        {
            "identity": member.room_id,
            "number": rooms[member.room_id].number,
            "name": _name(rooms[member.room_id].name, found.peers.get(member.room_id)),
            "kind": rooms[member.room_id].kind,
            "role": member.role,
            "joined_at": member.created_at,
            "joined_seq": member.joined_seq,
            "read_seq": member.read_seq,
            "muted_until": member.muted_until,
        }
        for member in sorted(found.members, key=lambda member: member.created_at)
        if member.room_id in rooms
    ]


def _name(name: str, peer: User | None) -> str:
    return name if peer is None else shown_name(peer)


def rooms_ever(user_identity: str) -> list[str]:
    """The identities of the rooms the user is or was in."""
    now = Member.objects.filter(user_id=user_identity).values_list("room_id", flat=True)
    then = Departure.objects.filter(user_identity=user_identity)
    return sorted({*now, *then.values_list("room_identity", flat=True)})
