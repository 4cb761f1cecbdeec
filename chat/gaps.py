"""Gaps: numbers that were allocated and have no message, whether in flight or lost.

A process that dies between counter and insert leaves a gap, and so does a database that answers too
late. After a while the gap is sealed: a `void` document takes the number, so the unique index
refuses a message that still arrives for it, and readers can pass over it for good.
"""

from collections.abc import Sequence

from pymongo.errors import BulkWriteError

from chat.kinds import Content
from chat.models import Message
from chat.payloads import VOID, new_document
from imsystem.clock import now_ms
from imsystem.mongo.clients import Document, collection_of
from imsystem.mongo.retry import is_duplicate

# Readers wait at an open gap, so a room stands still for this long after a crash; with 10 s the
# rooms took 12 s to heal. Any value is safe, since the index decides, but a message that is slower
# than this has to take another number.
SETTLE_MS = 3_000
# How many seqs are searched at once for the message after a gap.
WINDOW = 500

_NOTHING = Content(kind=VOID, data="")


def _void(room_identity: str, seq: int, now: int) -> Document:
    return new_document(
        room_identity=room_identity,
        user_identity="",
        client_id=f"void:{seq}",
        seq=seq,
        content=_NOTHING,
        now=now,
    )


def classify_gaps(
    messages: Sequence[Document], lower: int, upper: int, now: int
) -> tuple[list[int], list[int]]:
    """Returns the numbers in (lower, upper] without a message: (settled ones, open ones).

    `messages` are in order of seq. A gap is settled when a message after it is older than
    SETTLE_MS: numbers are handed out in order, so the sender of the missing one has given up. An
    open gap may belong to a message in flight.
    """
    present = {message["seq"] for message in messages}
    settled_below = max(
        (m["seq"] for m in messages if now - m["created_at"] > SETTLE_MS), default=lower
    )
    missing = [seq for seq in range(lower + 1, upper + 1) if seq not in present]
    settled = [seq for seq in missing if seq < settled_below]
    return settled, [seq for seq in missing if seq >= settled_below]


async def complete_to(
    room_identity: str, messages: Sequence[Document], lower: int, upper: int, head: int
) -> tuple[int, bool]:
    """Returns the seq of (lower, upper] up to which nothing is missing or still to come, and
    whether the page must be read again because a message turned up where a gap was being sealed.

    `head` is the seq of the room's newest message.
    """
    now = now_ms()
    if upper < head and (not messages or messages[-1]["seq"] < upper):
        # The age of a gap shows in the message after it, which is not on this page.
        messages = [*messages, *await _next_message(room_identity, upper, head)]
    settled, open_gaps = classify_gaps(messages, lower, upper, now)
    if settled and not await seal([(room_identity, seq) for seq in settled]):
        return lower, True
    return (min(open_gaps) - 1 if open_gaps else upper), False


async def _next_message(room_identity: str, after: int, head: int) -> list[Document]:
    """Returns the first message after a seq, as a list. It searches in windows, because only closed
    ranges are fast."""
    for start in range(after, head, WINDOW):
        seqs = {"$gt": start, "$lte": min(start + WINDOW, head)}
        found = collection_of(Message).find({"room_identity": room_identity, "seq": seqs})
        if messages := await found.sort("seq", 1).limit(1).to_list():
            return messages
    return []


async def seal(numbers: Sequence[tuple[str, int]]) -> bool:
    """Fills the numbers (room, seq) with void documents. Returns False if one of them is taken."""
    if not numbers:
        return True
    now = now_ms()
    try:
        await collection_of(Message).insert_many(
            [_void(room_identity, seq, now) for room_identity, seq in numbers], ordered=False
        )
    except BulkWriteError as exc:
        if is_duplicate(exc):
            return False
        raise
    return True
