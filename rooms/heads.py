"""How far a room has got: what those who are in it are shown of its messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rooms.unread import Recent


@dataclass(frozen=True, slots=True)
class Head:
    """The newest stored message of a room (as its payload, None in an empty room), how often
    messages of the room have changed, and what unread messages are counted from."""

    last_seq: int = 0
    revision: int = 0
    last_message: dict[str, Any] | None = None
    recent: Recent = field(default_factory=Recent, compare=False, repr=False)

    def unread(self, user_identity: str, after: int) -> int:
        """Returns how many messages after the seq `after` the user has not read."""
        return self.recent.count(user_identity, after, self.last_seq)


# By room, the seq after which unread messages are to be counted.
Positions = Mapping[str, int]
