"""How far each room has got. Rooms need the numbers; the messages belong to `chat`, which
provides them (chat/apps.py): imports go one way only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from imsystem.loops import run_on_loop
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


class HeadSource(Protocol):
    async def __call__(
        self, room_identities: Sequence[str], back_to: Mapping[str, int] = ...
    ) -> dict[str, Head]: ...


_source: HeadSource | None = None


def provide_heads(source: HeadSource) -> None:
    """Names the function that knows the heads. Called once, at start-up."""
    global _source
    _source = source


# By room, the seq after which unread messages are to be counted.
Positions = Mapping[str, int]


async def heads(positions: Positions) -> dict[str, Head]:
    """The head of every room asked for, ready for `Head.unread` from these positions on."""
    if _source is None:
        raise RuntimeError("no app provides room heads")
    return await _source(list(positions), positions)


def heads_from_thread(positions: Positions) -> dict[str, Head]:
    """The same for synchronous callers."""
    return run_on_loop(heads(positions)) if positions else {}


def head_of_joined(room_identity: str, since: int | None = None) -> Head:
    """The head of a room that people join, who may have unread messages after `since`."""
    after = 2**53 if since is None else since  # nothing to count
    return heads_from_thread({room_identity: after})[room_identity]
