"""Rooms and members as the API and the socket show them, in full."""

from typing import Any

from accounts.models import User
from rooms.models import Member, Room
from tests.api import initial, public


def summary(room: Room, **changes: Any) -> dict[str, Any]:
    """What all members of a room see alike."""
    stored = Room.objects.get(pk=room.pk)
    return {
        "identity": room.pk,
        "number": stored.number,
        "name": stored.name,
        "info": stored.info,
        "avatar": initial(room.pk, stored.name),
        "kind": stored.kind,
        "join_rule": stored.join_rule,
        "history": stored.history,
        "user_identity": stored.creator_id,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
        **changes,
    }


def card(room: Room, members_count: int, **changes: Any) -> dict[str, Any]:
    """A group as it looks to somebody who knows only its number."""
    stored = Room.objects.get(pk=room.pk)
    return {
        "number": stored.number,
        "name": stored.name,
        "info": stored.info,
        "avatar": initial(room.pk, stored.name),
        "members_count": members_count,
        "join_rule": stored.join_rule,
        "question": "",
        **changes,
    }


def room_body(room: Room, role: str, **changes: Any) -> dict[str, Any]:
    """Returns a room without messages as one of its members sees it; with a `peer`, it has their
    picture."""
    avatar = {"avatar": changes["peer"]["avatar"]} if "peer" in changes else {}
    return {
        **summary(room, **avatar),
        "role": role,
        "last_seq": 0,
        "revision": 0,
        "read_seq": 0,
        "unread": 0,
        "last_message": None,
        **changes,
    }


def member_body(room: Room, user: User, role: str = "member", **changes: Any) -> dict[str, Any]:
    return {
        "user": public(user),
        "role": role,
        "joined_seq": 0,
        "read_seq": 0,
        "muted_until": 0,
        "created_at": Member.objects.get(room=room, user=user).created_at,
        **changes,
    }
