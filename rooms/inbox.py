"""What rooms need of the app above: it has the messages, and imports go one way only.

`chat/inbox.py` is this. It is handed to the routes and pages of rooms (imsystem/urls.py), and with
each call to the services that let somebody in.
"""

from typing import Protocol

from accounts.models import User
from rooms.heads import Head
from rooms.payloads import RoomPayload


class Inbox(Protocol):
    """The rooms of a user with what was said last, and how far each room has got."""

    def room_list(self, user: User) -> list[RoomPayload]:
        """All rooms of the user, the one with the newest message first."""

    def room_detail(self, user: User, room_identity: str) -> RoomPayload:
        """One room of the user; NotFound for strangers."""

    def head_of_joined(self, room_identity: str, since: int | None = None) -> Head:
        """The head of a room that people join, who may have unread messages after `since`."""
