"""Numbers that were allocated and have no message: in flight, or never to be used.

A process that dies between counter and insert leaves a hole, and so does a database that answers
too late. After a while the hole is sealed: a `void` document takes the number, so that the unique
index refuses whatever might still arrive for it, and readers may pass over it for good.
"""

from collections.abc import Sequence

from pymongo.errors import BulkWriteError

from chat.kinds import Content
from chat.payloads import VOID, new_document
from imsystem.clock import now_ms
from imsystem.mongo.clients import Document, collection
from imsystem.mongo.retry import is_duplicate

# Readers wait for an open hole, so this is how long a room stands still after a crash; with 10 s
# the rooms took 12 s to heal. Any time is safe, the index decides; but a message that is merely
# slower than this has to take another number.
SETTLE_MS = 3_000
# How many seqs are looked through at once for the message after a hole.
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
    """The numbers in (lower, upper] without a message: (those long settled, those maybe in flight).

    `messages` are in order of seq. A hole is settled when a message after it is older than
    SETTLE_MS: numbers are handed out in order, so its own sender has long given up.
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
    """Up to which seq of (lower, upper] nothing is missing or to come, and whether the page has
    to be read again because a message turned up where a hole was to be sealed. `head`: the seq of
    the room's newest message."""
    now = now_ms()
    if upper < head and (not messages or messages[-1]["seq"] < upper):
        # Only a message after a hole shows its age, and on this page none comes after the last.
        messages = [*messages, *await _next_message(room_identity, upper, head)]
    settled, open_gaps = classify_gaps(messages, lower, upper, now)
    if settled and not await seal([(room_identity, seq) for seq in settled]):
        return lower, True
    return (min(open_gaps) - 1 if open_gaps else upper), False


async def _next_message(room_identity: str, after: int, head: int) -> list[Document]:
    """The first message after a seq, as a list; window by window, for ranges must be closed."""
    for start in range(after, head, WINDOW):
        seqs = {"$gt": start, "$lte": min(start + WINDOW, head)}
        found = collection("message_basic").find({"room_identity": room_identity, "seq": seqs})
        if messages := await found.sort("seq", 1).limit(1).to_list():
            return messages
    return []


async def seal(numbers: Sequence[tuple[str, int]]) -> bool:
    """Fills the numbers (room, seq); False when one of them is taken after all."""
    if not numbers:
        return True
    now = now_ms()
    try:
        await collection("message_basic").insert_many(
            [_void(room_identity, seq, now) for room_identity, seq in numbers], ordered=False
        )
    except BulkWriteError as exc:
        if is_duplicate(exc):
            return False
        raise
    return True
