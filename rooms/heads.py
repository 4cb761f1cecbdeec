"""How far each room has got. Rooms need the numbers; the messages belong to `chat`, which
provides them (chat/apps.py): imports go one way only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from imsystem.loops import run_on_loop


@dataclass(frozen=True, slots=True)
class Head:
    """The newest stored message of a room (as its payload, None in an empty room) and how often
    messages of the room have changed."""

    last_seq: int = 0
    revision: int = 0
    last_message: dict[str, Any] | None = None


class HeadSource(Protocol):
    async def __call__(self, room_identities: Sequence[str]) -> dict[str, Head]: ...


_source: HeadSource | None = None


def provide_heads(source: HeadSource) -> None:
    """Names the function that knows the heads. Called once, at start-up."""
    global _source
    _source = source


async def heads(room_identities: Sequence[str]) -> dict[str, Head]:
    """The head of every room asked for."""
    if _source is None:
        raise RuntimeError("no app provides room heads")
    return await _source(room_identities)


def heads_from_thread(room_identities: Sequence[str]) -> dict[str, Head]:
    """The same for synchronous callers."""
    return run_on_loop(heads(room_identities)) if room_identities else {}
