"""The numbers that clients need: each is stated here or in the settings, and nowhere else.

Clients get them from `GET /api/v1/server/` and from the `server-info` element of every page
(imsystem/http/server_info.py), so no client keeps a copy.
"""

from typing import TypedDict

from django.conf import settings

# A message fits into one frame even if every character is escaped (a pair of \uXXXX, 12 bytes).
MESSAGE_LENGTH = 5_000
FRAME_BYTES = 64 * 1024
AVATAR_BYTES = 5 * 1024 * 1024
# A socket that is silent for 2.5 heartbeats is closed.
HEARTBEAT_S = 25


class ClientLimits(TypedDict):
    """0 means: not available on this server. For `members` and `rooms` it means: no limit."""

    message_length: int
    frame_bytes: int
    file_bytes: int
    attachments: int
    avatar_bytes: int
    edit_window_s: int
    recall_window_s: int
    members: int
    rooms: int
    reactions: int
    pins: int


def client_limits() -> ClientLimits:
    """Returns the limits in force."""
    return {
        "message_length": MESSAGE_LENGTH,
        "frame_bytes": FRAME_BYTES,
        "file_bytes": 0,
        "attachments": 0,
        "avatar_bytes": AVATAR_BYTES,
        "edit_window_s": settings.EDIT_WINDOW_S,
        "recall_window_s": settings.RECALL_WINDOW_S,
        "members": settings.MEMBERS_PER_ROOM,
        "rooms": settings.ROOMS_PER_USER,
        "reactions": 0,
        "pins": 0,
    }
