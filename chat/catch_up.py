"""The answer to `sync`: what a client missed while it was away, in answers of bounded size."""

from collections.abc import Mapping, Sequence
from operator import itemgetter

from chat.frames import RoomCatchUp
from chat.heads import room_heads
from chat.models import Message
from chat.payloads import MessagePayload, message_payload
from chat.selectors import complete_range, page_bounds
from imsystem.budgets import (
    BEHIND,
    COMMAND,
    FOREIGN_ROOM,
    MEMBERSHIP,
    MESSAGE,
    NAMED_ROOM,
    reads,
)
from imsystem.mongo.clients import collection_of
from rooms.access import accesses
from rooms.heads import Head
from rooms.policies import Access

# The limits of one answer: messages of one room, of all rooms together, and their characters.
ROOM_PAGE = 200
MAX_MESSAGES = 2_000
MAX_CHARACTERS = 500_000
# How many revisions are searched at once. Several changes of one message yield one result.
CHANGES_WINDOW = 500


class _Space:
    """The space that is left in one answer. The first message fits in whatever its length."""

    def __init__(self) -> None:
        self.messages = MAX_MESSAGES
        self._characters = MAX_CHARACTERS

    @property
    def left(self) -> bool:
        return self.messages > 0 and self._characters > 0

    def take(self, messages: Sequence[MessagePayload]) -> int:
        """Returns how many of the messages, from the first on, fit in."""
        for index, message in enumerate(messages):
            if not self.left:
                return index
            self.messages -= 1
            self._characters -= len(message["data"])
        return len(messages)


async def changes_since(
    *, user_identity: str, known: Mapping[str, tuple[int, int]]
) -> tuple[dict[str, RoomCatchUp], list[str]]:
    """Returns what a client lacks of each room, given the (seq, revision) that it knows, and those
    rooms that the user is not in.

    Raises RateLimited if the user has read too much.
    """
    budget = reads()
    budget.check(user_identity)
    mine, memberships = await accesses(user_identity, known)
    # Each step is paid for before the next: an answer that takes too long is cut off.
    named = NAMED_ROOM * len(mine) + FOREIGN_ROOM * (len(known) - len(mine))
    budget.spend(user_identity, COMMAND + named + MEMBERSHIP * memberships)
    heads, space = await room_heads(list(mine)), _Space()
    behind = [room for room in mine if _is_behind(known[room], heads[room])]
    budget.spend(user_identity, BEHIND * len(behind))
    deltas = {
        room: await _delta(standing, *known[room], heads[room], space)
        for room, standing in mine.items()
    }
    budget.spend(user_identity, MESSAGE * (MAX_MESSAGES - space.messages))
    return deltas, [room for room in known if room not in mine]


def _is_behind(known: tuple[int, int], head: Head) -> bool:
    seq, revision = known
    return seq < head.last_seq or revision < head.revision


async def _delta(
    standing: Access, seq: int, revision: int, head: Head, space: _Space
) -> RoomCatchUp:
    room, floor = standing.room_identity, standing.floor_seq
    limit = min(ROOM_PAGE, space.messages) if space.left else 0
    lower, upper = page_bounds(head.last_seq, None, seq, None, limit, floor)
    messages, final = await complete_range(room, lower, upper, head.last_seq)
    count = space.take(messages)
    if count < len(messages):
        upper = messages[count]["seq"] - 1
    seqs = range(floor + 1, lower + 1)
    changed, reached = await _changed(room, revision, head.revision, seqs, space)
    return {
        "messages": messages[:count],
        "changed": changed,
        "last_seq": head.last_seq,
        "revision": reached,
        "complete_to": min(final, upper),
        "has_more": upper < head.last_seq or reached < head.revision,
    }


async def _changed(
    room: str, revision: int, head_revision: int, seqs: range, space: _Space
) -> tuple[list[MessagePayload], int]:
    """Returns the messages of these seqs that changed after `revision`, and the revision that the
    client then has. Later messages are sent in their present form anyway."""
    window = CHANGES_WINDOW if space.left else 0
    reached = min(revision + window, head_revision)
    if revision >= reached:
        return [], max(reached, 0)
    found = (
        await collection_of(Message)
        .find({"room_identity": room, "revision": {"$gt": revision, "$lte": reached}})
        .to_list()
    )
    found.sort(key=itemgetter("revision"))  # not in MongoDB, for the reason in selectors.py
    changed = [message_payload(row) for row in found if row["seq"] in seqs]
    count = space.take(changed)
    if count < len(changed):
        reached = changed[count]["revision"] - 1
    return changed[:count], reached
