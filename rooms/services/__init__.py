"""Everything that changes a room or its members, for REST, pages, admin and commands alike."""

from rooms.services.bans import ban, lift_ban
from rooms.services.direct import close_direct, open_direct
from rooms.services.groups import create_group, delete_room, update_room
from rooms.services.joining import add_member, join
from rooms.services.members import change_member, leave, leave_added, remove_member
from rooms.services.ownership import accept as accept_ownership
from rooms.services.ownership import end_offer

__all__ = [
    "accept_ownership",
    "add_member",
    "ban",
    "change_member",
    "close_direct",
    "create_group",
    "delete_room",
    "end_offer",
    "join",
    "leave",
    "leave_added",
    "lift_ban",
    "open_direct",
    "remove_member",
    "update_room",
]
