"""Everything that changes a room or its members, for REST, pages, admin and commands alike."""

from rooms.services.bans import ban, lift_ban
from rooms.services.direct import close_direct, open_direct
from rooms.services.groups import create_group, delete_room, update_room
from rooms.services.joining import add_member, join
from rooms.services.members import change_member, leave, remove_member

__all__ = [
    "add_member",
    "ban",
    "change_member",
    "close_direct",
    "create_group",
    "delete_room",
    "join",
    "leave",
    "lift_ban",
    "open_direct",
    "remove_member",
    "update_room",
]
