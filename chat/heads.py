"""The newest message of each room and who sent those before it, and how this process keeps knowing
both.

Every message and change passes the hub of every process, so a head that was read once is kept
up to date from there. While the channel layer is ill that does not hold, and heads are read anew.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from chat.models import Message
from chat.payloads import VOID, message_payload
from chat.sequence import counters, stored_head
from imsystem.loops import PerLoop
from imsystem.mongo.clients import Document, collection_of
from imsystem.mongo.shared_reads import SharedReads
from imsystem.outage import is_outage
from imsystem.realtime import events as ev
from imsystem.realtime.hub import current_hub, observe
from imsystem.realtime.topics import EVERYTHING, Scope, identity_in
from rooms.heads import Head
from rooms.revisions import revisions_of
from rooms.unread import WINDOW, Author, Recent, author_of

MAX_CACHED = 50_000
# Messages above the counter would mean that it is behind; this many show whether it is far behind.
LOOK_AHEAD = 20
# Reads at once when many heads are asked for: enough to keep MongoDB busy, not to flood it.
MAX_READS = 32
# So many authors are read where this is enough, as it is for most rooms; WINDOW otherwise.
NEAR = 50

Range = tuple[str, int, int]

_decode = msgspec.json.Decoder().decode


class _Heads:
    """The heads one process knows."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Head] = OrderedDict()
        # Rooms being read -> events that came meanwhile: they are newer than what the read finds.
        self._reading: dict[str, list[ev.Deliver]] = {}

    def get(self, room: str) -> Head | None:
        return self._known.get(room) if current_hub().healthy else None

    def clear(self) -> None:
        self._known.clear()

    def begin(self, rooms: Sequence[str]) -> None:
        for room in rooms:
            self._reading.setdefault(room, [])

    def end(self, rooms: Sequence[str]) -> None:
        for room in rooms:
            self._reading.pop(room, None)

    def put(self, room: str, head: Head, epoch: int) -> Head:
        """Takes over a head that was read, and what has happened since the reading began."""
        for event in self._reading.pop(room, []):
            head = _advance(head, event)
        known = self._known.get(room)
        if known and (known.last_seq, known.revision) >= (head.last_seq, head.revision):
            return known  # another reader of the same room was faster
        if current_hub().healthy and current_hub().epoch == epoch:
            self._known[room] = head
            if len(self._known) > MAX_CACHED:
                self._known.popitem(last=False)
        return head

    def deepen(
        self, room: str, head: Head, first: int, messages: Sequence[Document]
    ) -> Head | None:
        """Takes over who sent the messages before those that the head knows of. None: messages of
        the room have changed while they were read."""
        known = self.get(room) or head
        if known.revision != head.revision or known.recent.first != head.recent.first:
            return None
        authors: list[Author] = [None] * (known.recent.first - first)
        for message in messages:
            authors[message["seq"] - first - 1] = author_of(message, known.revision)
        known = replace(known, recent=known.recent.preceded(first, authors))
        if room in self._known:
            self._known[room] = known
        return known

    def on_event(self, room: str, event: ev.Deliver) -> None:
        if room in self._reading:
            self._reading[room].append(event)
        if room in self._known:
            self._known[room] = _advance(self._known[room], event)


_heads = PerLoop(_Heads)


def _advance(head: Head, event: ev.Deliver) -> Head:
    """The head after a message was created (revision 0) or changed."""
    message = _decode(event.frame)["message"]
    revision = max(head.revision, event.revision)
    recent = head.recent.noted(event.seq, author_of(message, revision))
    if event.seq < head.last_seq:
        return Head(head.last_seq, revision, head.last_message, recent)
    return Head(event.seq, revision, message, recent)


@observe(ev.Deliver)
def _follow(event: ev.Deliver) -> None:
    if event.seq and (room := identity_in(event.topic, Scope.ROOM)) is not None:
        _heads().on_event(room, event)


@observe(ev.Changed)
def _forget(event: ev.Changed) -> None:
    if event.topic == EVERYTHING:
        _heads().clear()


async def room_heads(
    room_identities: Sequence[str], back_to: Mapping[str, int] | None = None
) -> dict[str, Head]:
    """The head of every room; those this process does not know yet are read from MongoDB.

    `back_to`: by room, the seq after which unread messages are to be counted.
    """
    known = {room: _heads().get(room) for room in room_identities}
    missing = [room for room, head in known.items() if head is None]
    found = await _reads().get_all(missing) if missing else {}
    heads = {room: head or found[room] for room, head in known.items()}
    far = [
        _reaching(room, heads[room], after)
        for room, after in (back_to or {}).items()
        if heads[room].recent.missing(after, heads[room].last_seq)
    ]
    return heads | dict(await asyncio.gather(*far))


async def _reaching(room: str, head: Head, after: int) -> tuple[str, Head]:
    """The room with its head, whose authors go back far enough for a count after a seq."""
    while lacking := head.recent.missing(after, head.last_seq):
        upper = head.recent.first
        span = WINDOW if lacking > NEAR else NEAR
        lower = max(0, upper - span)
        messages = await _senders().get((room, lower, upper)) or []
        deeper = _heads().deepen(room, head, lower, messages)
        head = deeper or (await room_heads([room]))[room]
    return room, head


async def room_head(room_identity: str) -> Head:
    """The head of one room."""
    return (await room_heads([room_identity]))[room_identity]


async def _read(rooms: Sequence[str]) -> dict[str, Head]:
    hub, cache = current_hub(), _heads()
    hub.start()  # from now on this process hears of every change
    epoch = hub.epoch
    cache.begin(rooms)
    try:
        read = await _read_all(rooms)
        return {room: cache.put(room, head, epoch) for room, head in read.items()}
    finally:
        cache.end(rooms)


# When a whole room comes back at once, all its members ask for the same.
_reads = PerLoop(lambda: SharedReads(_read))


async def _read_all(rooms: Sequence[str]) -> dict[str, Head]:
    hints, revisions = await _hints(list(rooms)), await revisions_of(rooms)
    limit = asyncio.Semaphore(MAX_READS)

    async def read(room: str) -> Head:
        async with limit:
            newest = await _newest(room, hints.get(room, 0))
        return _head(newest, revisions.get(room, 0))

    return dict(zip(rooms, await asyncio.gather(*map(read, rooms)), strict=True))


async def _hints(rooms: list[str]) -> dict[str, int]:
    try:
        return await counters(rooms)
    except Exception as exc:
        if is_outage(exc):
            return {}  # Redis is away: the checkpoints will do
        raise


def _head(newest: Document | None, revision: int) -> Head:
    if newest is None:
        return Head(0, revision, None)
    message = None if newest["kind"] == VOID else dict(message_payload(newest))
    recent = Recent(newest["seq"] - 1, [author_of(newest, revision)])
    return Head(newest["seq"], revision, message, recent)


async def _read_senders(ranges: Sequence[Range]) -> dict[Range, list[Document]]:
    found = await asyncio.gather(*map(_senders_in, ranges))
    return dict(zip(ranges, found, strict=True))


_senders = PerLoop(lambda: SharedReads(_read_senders, at_once=MAX_READS))


async def _senders_in(wanted: Range) -> list[Document]:
    """Who sent the messages in (lower, upper] of a room, and whether they were recalled."""
    room, lower, upper = wanted
    fields = {"seq": 1, "revision": 1, "user_identity": 1, "kind": 1, "recalled_at": 1}
    in_range = {"room_identity": room, "seq": {"$gt": lower, "$lte": upper}}
    # The limit: in one answer, without a cursor (selectors.py).
    found = collection_of(Message).find(in_range, fields, limit=lower - upper)
    return await found.to_list()


async def _newest(room: str, hint: int) -> Document | None:
    """The stored message with the highest seq. `hint`: the room's counter, right as a rule."""
    if hint:
        found = await _last_in(room, hint - 1, hint + LOOK_AHEAD)
        if found and found["seq"] < hint + LOOK_AHEAD:
            return found
    # The counter is lost, far behind, or ahead of what is stored.
    head = await stored_head(room)
    return await _last_in(room, head - 1, head) if head else None


async def _last_in(room: str, above: int, up_to: int) -> Document | None:
    messages = (
        await collection_of(Message)
        .find({"room_identity": room, "seq": {"$gt": above, "$lte": up_to}})
        .to_list()
    )
    return max(messages, key=lambda message: int(message["seq"]), default=None)
