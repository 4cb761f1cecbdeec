"""The rooms of a user as they are shown: each with what was said last, and who is there.

This is where rooms, messages and presence come together. It is a rooms.inbox.Inbox.
"""

import asyncio
from collections.abc import Mapping, Set
from typing import NamedTuple

from accounts.models import User
from accounts.online import online_among
from chat.heads import room_heads
from imsystem.budgets import COMMAND, ROOM, reads
from imsystem.errors import NotFound
from imsystem.loops import run_on_loop
from rooms.heads import Head
from rooms.models import Member
from rooms.payloads import RoomPayload, room_payload
from rooms.selectors import FoundRooms, membership, online_as_seen, rooms_of, rooms_without_heads


class Present(NamedTuple):
    """What changes all the time: the heads of rooms, and which of the peers are online."""

    heads: Mapping[str, Head]
    online: Set[str]


async def present_state(found: FoundRooms) -> Present:
    """Reads it for these rooms."""
    heads, online = await asyncio.gather(
        room_heads(list(found.positions), found.positions), _online(found.peer_identities)
    )
    return Present(heads, online)


async def _online(users: list[str]) -> Set[str]:
    return await online_among(users) if users else set()


def shown_rooms(found: FoundRooms, present: Present) -> list[RoomPayload]:
    """The payloads of the rooms in sight, the one with the newest message first."""
    rooms = {room.identity: room for room in found.rooms}

    def payload(member: Member, head: Head) -> RoomPayload:
        peer, contact = found.peers.get(member.room_id), member.room_id in found.shared
        seen = online_as_seen(found.viewer, peer, present.online, contact=contact)
        return room_payload(rooms[member.room_id], member, head, peer, seen)

    payloads = [
        payload(member, head)
        for member in found.members
        if member.room_id in rooms
        and not member.is_out_of_sight((head := present.heads.get(member.room_id, Head())).last_seq)
    ]
    return sorted(payloads, key=_latest, reverse=True)


def _latest(room: RoomPayload) -> int:
    message = room["last_message"]
    return int(message["created_at"]) if message else room["created_at"]


def room_list(user: User) -> list[RoomPayload]:
    """All rooms of the user, the one with the newest message first. Raises RateLimited if the user
    has read too much."""
    reads().check(user.identity)
    found = rooms_without_heads(user)
    reads().spend(user.identity, COMMAND + ROOM * len(found.rooms))
    return shown_rooms(found, run_on_loop(present_state(found)))


def room_detail(user: User, room_identity: str) -> RoomPayload:
    """One room of the user; NotFound for strangers, and for a conversation that the user has
    deleted and in which nothing has been said since."""
    found = run_on_loop(rooms_of(user, [membership(user, room_identity)]))
    rooms = shown_rooms(found, run_on_loop(present_state(found)))
    if not rooms:
        raise NotFound
    return rooms[0]


def head_of_joined(room_identity: str, since: int | None = None) -> Head:
    """The head of a room that people join, who may have unread messages after `since`."""
    back_to = {} if since is None else {room_identity: since}
    return run_on_loop(room_heads([room_identity], back_to))[room_identity]
