"""Reads: history by seq, what changed since, one message. Only for members.

Every query is a closed range on one compound index with a flat filter: the shape that is fast on
every engine, at any depth of history.
"""

import asyncio
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, TypedDict

from django.utils.translation import gettext_lazy as _

from chat.gaps import complete_to
from chat.heads import room_head
from chat.payloads import VOID, MessagePayload, message_payload
from imsystem.budgets import COMMAND, MESSAGE, reads
from imsystem.errors import BadRequest, NotFound
from imsystem.ids import is_identity
from imsystem.loops import PerLoop
from imsystem.mongo.clients import Document, collection
from imsystem.mongo.shared_reads import SharedReads
from rooms.access import access

DEFAULT_PAGE = 50
MAX_PAGE = 100
# As many queries as keep MongoDB busy without making others wait long.
RANGES_AT_ONCE = 16


class HistoryPage(TypedDict):
    """A page of history, oldest first. Holes up to `complete_to` are final."""

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
    """(lower, upper]: which seqs a page shows. At most one of before, after, around is given.
    Nothing up to `floor`."""
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
    found = collection("message_basic").find(
        {"room_identity": room_identity, "seq": {"$gt": lower, "$lte": upper}},
        # A negative limit: all in one answer, without a cursor. (For a cursor MongoDB would send
        # 101 first, and SecantusDB encode each message twice.)
        limit=lower - upper,
        batch_size=upper - lower,
    )
    # Sorted here: SecantusDB 0.7 takes a tenth of its time for it, and Python some microseconds.
    return sorted(await found.to_list(), key=itemgetter("seq"))


# When a whole room comes back at once, all its members lack the same messages.
_ranges = PerLoop(lambda: SharedReads(_read_ranges, RANGES_AT_ONCE))


async def complete_range(
    room_identity: str, lower: int, upper: int, head: int
) -> tuple[list[MessagePayload], int]:
    """The messages of a range and its complete_to, once no sealed hole is in the way."""
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
    """A page of a room's messages; without a position, the newest.

    Raises NotFound for strangers, BadRequest for two positions at once, and RateLimited for who
    has read too much.
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
    """One stored message; NotFound for unknown or malformed identities. Authorise it yourself."""
    document: dict[str, Any] | None = None
    if is_identity(message_identity):
        document = await collection("message_basic").find_one({"_id": message_identity})
    if document is None or document["kind"] == VOID:
        raise NotFound
    return document
