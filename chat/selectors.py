"""Reads of messages for members: pages of history by seq, and single messages.

Every query is a flat filter with a closed range on one compound index, which is fast on every
engine at any depth of history.
"""

import asyncio
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, TypedDict

from django.utils.translation import gettext_lazy as _

from chat.gaps import complete_to
from chat.heads import room_head
from chat.models import Message
from chat.payloads import VOID, MessagePayload, message_payload
from imsystem.budgets import COMMAND, MESSAGE, reads
from imsystem.errors import BadRequest, NotFound
from imsystem.ids import is_identity
from imsystem.loops import PerLoop
from imsystem.mongo.clients import Document, collection_of
from imsystem.mongo.shared_reads import SharedReads
from rooms.access import access

DEFAULT_PAGE = 50
MAX_PAGE = 100
# Enough queries to keep MongoDB busy without making others wait long.
RANGES_AT_ONCE = 16


class HistoryPage(TypedDict):
    """A page of history, oldest first. Gaps up to `complete_to` are final."""

    messages: list[MessagePayload]
    has_before: bool
    has_after: bool
    last_seq: int
    revision: int
    complete_to: int


def page_bounds(
    last_seq: int,
    before: int | None,
    after: int | None,
    around: int | None,
    limit: int,
    floor: int = 0,
) -> tuple[int, int]:
    """Returns (lower, upper], the seqs of a page: none up to `floor`. At most one of the positions
    is given."""
    if before is not None:
        upper = max(floor, min(before - 1, last_seq))
        return max(floor, upper - limit), upper
    if after is not None:
        lower = max(floor, min(after, last_seq))
        return lower, max(lower, min(lower + limit, last_seq))
    if around is not None:
        upper = min(max(around, 1) + (limit - 1) // 2, last_seq)
        lower = max(floor, upper - limit)
        return lower, max(lower, min(lower + limit, last_seq))
    return max(floor, last_seq - limit), max(floor, last_seq)


Range = tuple[str, int, int]


async def _messages(room_identity: str, lower: int, upper: int) -> list[Document]:
    if lower >= upper:
        return []
    return await _ranges().get((room_identity, lower, upper)) or []


async def _read_ranges(ranges: Sequence[Range]) -> dict[Range, list[Document]]:
    found = await asyncio.gather(*map(_read_range, ranges))
    return dict(zip(ranges, found, strict=True))


async def _read_range(wanted: Range) -> list[Document]:
    room_identity, lower, upper = wanted
    found = collection_of(Message).find(
        {"room_identity": room_identity, "seq": {"$gt": lower, "$lte": upper}},
        # A negative limit asks for one answer without a cursor. (With a cursor MongoDB would send
        # 101 documents first, and SecantusDB would encode each message twice.)
        limit=lower - upper,
        batch_size=upper - lower,
    )
    # Sorted here: sorting takes a tenth of SecantusDB's time, but only microseconds in Python.
    return sorted(await found.to_list(), key=itemgetter("seq"))


# When a whole room reconnects at once, all its members lack the same messages.
_ranges = PerLoop(lambda: SharedReads(_read_ranges, RANGES_AT_ONCE))


async def complete_range(
    room_identity: str, lower: int, upper: int, head: int
) -> tuple[list[MessagePayload], int]:
    """Returns the messages of a range and its complete_to, after sealing the settled gaps."""
    messages = await _messages(room_identity, lower, upper)
    final, again = await complete_to(room_identity, messages, lower, upper, head)
    while again:
        messages = await _messages(room_identity, lower, upper)
        final, again = await complete_to(room_identity, messages, lower, upper, head)
    return [message_payload(message) for message in messages if message["kind"] != VOID], final


async def history(
    *,
    user_identity: str,
    room_identity: str,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int = DEFAULT_PAGE,
) -> HistoryPage:
    """Returns a page of a room's messages; without a position, the newest page.

    Raises NotFound for strangers, BadRequest if more than one position is given, and RateLimited
    if the user has read too much.
    """
    if sum(position is not None for position in (before, after, around)) > 1:
        raise BadRequest(_("Use only one of before, after and around."))
    reads().check(user_identity)
    floor = (await access(user_identity, room_identity)).floor_seq
    reads().spend(user_identity, COMMAND + MESSAGE * limit)
    head = await room_head(room_identity)
    lower, upper = page_bounds(head.last_seq, before, after, around, limit, floor)
    messages, final = await complete_range(room_identity, lower, upper, head.last_seq)
    return {
        "messages": messages,
        "has_before": lower > floor,
        "has_after": upper < head.last_seq,
        "last_seq": head.last_seq,
        "revision": head.revision,
        "complete_to": final,
    }


async def message_document(message_identity: str) -> Document:
    """Returns a stored message. Raises NotFound for unknown and malformed identities. The caller
    must check the access."""
    document: dict[str, Any] | None = None
    if is_identity(message_identity):
        document = await collection_of(Message).find_one({"_id": message_identity})
    if document is None or document["kind"] == VOID:
        raise NotFound
    return document


async def message_at(room_identity: str, seq: int) -> str | None:
    """Returns the identity of the stored message with this number, or None. The caller must check
    the access."""
    found = await collection_of(Message).find_one(
        {"room_identity": room_identity, "seq": seq}, {"_id": 1}
    )
    return found["_id"] if found else None
