"""The journal: orders messages and stores them durably, before anybody hears of them.

All messages that wait in this process are committed together: one pipelined counter call, one
insert (`w: majority, j: true`). While a batch is being written the next one gathers, so the batch
grows with the load and a lone message waits for nothing.
"""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo.errors import BulkWriteError

from chat.holes import seal
from chat.loose_ends import LooseEnds
from chat.payloads import MessagePayload, message_payload, new_document
from chat.sequence import Sequence as Numbers
from imsystem.clock import now_ms
from imsystem.errors import AppError, Unavailable
from imsystem.failpoints import failpoint
from imsystem.loops import PerLoop
from imsystem.mongo.clients import Document, collection
from imsystem.outage import is_outage
from imsystem.realtime.events import Deliver, room_topic
from imsystem.realtime.frames import encode
from imsystem.realtime.hub import current_hub
from rooms.access import access, changed_since, checked_now
from rooms.policies import may_send

logger = logging.getLogger(__name__)

MAX_BATCH = 256
MAX_RECENT = 20_000
MAX_ATTEMPTS = 4

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that was checked and may be stored."""

    room_identity: str
    user_identity: str
    client_id: str
    kind: str
    data: str
    reply_to: str | None = None

    @property
    def key(self) -> Key:
        """The same key sent again, on any transport, is the same message."""
        return (self.room_identity, self.user_identity, self.client_id)

    @property
    def sender(self) -> tuple[str, str]:
        """Whose messages keep their order."""
        return (self.room_identity, self.user_identity)


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored message. `duplicate`: it was stored by an earlier send with the same key."""

    message: MessagePayload
    duplicate: bool = False


@dataclass(slots=True)
class _Entry:
    draft: Draft
    future: "asyncio.Future[Stored]"
    attempts: int = 0
    document: Document = field(default_factory=dict)
    allowed: tuple[float, int] = field(default_factory=checked_now)


class Journal:
    """One a process and event loop. `submit` from the loop only."""

    def __init__(self) -> None:
        self._waiting: list[_Entry] = []
        self._in_flight: dict[Key, asyncio.Future[Stored]] = {}
        self._recent: OrderedDict[Key, str] = OrderedDict()  # -> identity of the message
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = Numbers()
        self._loose_ends = LooseEnds(self._announce)
        self._committing = False
        # room -> highest stored seq, for the checkpoint (chat/checkpoint.py takes it away)
        self.advanced: dict[str, int] = {}

    def submit(self, draft: Draft) -> "asyncio.Future[Stored]":
        """Puts a message in line; messages of one caller keep their order.

        The future gives Stored once the message is on disk, or raises Unavailable: then it may or
        may not be stored, and sending it again with the same client_id is right in both cases.
        """
        recent = self._recent.get(draft.key)
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        if recent is not None:
            self._start(self._give_back_first(recent, future))
        elif draft.key in self._in_flight:
            self._in_flight[draft.key].add_done_callback(lambda first: _repeat(first, future))
        else:
            self._in_flight[draft.key] = future
            self._waiting.append(_Entry(draft, future))
            if not self._committing:
                self._committing = True
                self._start(self._commit_all())
        return future

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop itself keeps only weak references
        task.add_done_callback(self._tasks.discard)

    async def _give_back_first(self, identity: str, future: "asyncio.Future[Stored]") -> None:
        """Answers a repeated send with the message as it is now: it may have been recalled."""
        try:
            found = await collection("message_basic").find_one({"_id": identity})
        except Exception as exc:
            logger.warning("a repeated message was not found: %r", exc)
            found = None
        if future.done():
            return
        if found is None:
            _refuse(future, Unavailable())
        else:
            future.set_result(Stored(message_payload(found), duplicate=True))

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                try:
                    await self._commit(batch)
                except Exception as exc:
                    self._fail(batch, exc)
        finally:
            self._committing = False

    async def _commit(self, batch: list[_Entry]) -> None:
        await self._number(batch)
        batch = await self._still_allowed(batch)
        await failpoint("journal.before_insert")
        batch = await self._insert(batch)
        await failpoint("journal.after_insert")
        for entry in batch:
            self._succeed(entry, Stored(message_payload(entry.document)))
        # Lets the ack of every sender go out before anybody's copy of the message.
        await asyncio.sleep(0)
        await failpoint("journal.before_announce")
        self._announce([entry.document for entry in batch])

    async def _number(self, batch: Sequence[_Entry]) -> None:
        counts = Counter(entry.draft.room_identity for entry in batch)
        next_seq = await self._numbers.allocate(counts)
        now = now_ms()
        for entry in batch:
            room = entry.draft.room_identity
            entry.document = _document(entry.draft, next_seq[room], now)
            next_seq[room] += 1

    async def _still_allowed(self, batch: list[_Entry]) -> list[_Entry]:
        """Without the messages of those who were removed or muted while these waited.

        After the numbers: a message is either numbered before the change is announced, or refused.
        """
        doubtful = [e for e in batch if changed_since(e.draft.room_identity, e.allowed)]
        if not doubtful:
            return batch
        errors = await asyncio.gather(*(_refusal(entry.draft) for entry in doubtful))
        refused = [(e, error) for e, error in zip(doubtful, errors, strict=True) if error]
        await seal([(e.draft.room_identity, e.document["seq"]) for e, _error in refused])
        for entry, error in refused:
            self._finish(entry, error)
        gone = {id(entry) for entry, _error in refused}
        return [entry for entry in batch if id(entry) not in gone]

    async def _insert(self, batch: list[_Entry]) -> list[_Entry]:
        """Stores a batch; returns the entries that are stored. The others are finished, or in line
        again for another number.

        In order only if somebody has several messages in it, so that none is stored before one
        that was sent earlier and is refused. A sharded MongoDB is faster without order.
        """
        stored: list[_Entry] = []
        while batch:
            ordered = len({entry.draft.sender for entry in batch}) < len(batch)
            documents = [entry.document for entry in batch]
            try:
                await collection("message_basic").insert_many(documents, ordered=ordered)
            except BulkWriteError as exc:
                refusals = exc.details["writeErrors"]
                tried = refusals[-1]["index"] + 1 if ordered else len(batch)
                done, again = await self._sort_out(batch[:tried], refusals)
                stored += done
                batch = await self._line_up_again(again, batch[tried:])
            else:
                stored, batch = stored + batch, []
        return stored

    # --- when some documents of a batch were refused ---------------------------------------

    async def _sort_out(
        self, batch: list[_Entry], refusals: list[dict[str, Any]]
    ) -> tuple[list[_Entry], list[_Entry]]:
        """The entries that are stored, and those that need another number.

        Refused by (room, sender, client_id) or by _id: stored before, by an earlier send or by the
        driver's own retry of this insert. Refused by (room, seq): the counter was behind.
        """
        refused = {refusal["index"]: refusal for refusal in refusals}
        stored, again = [], []
        for index, entry in enumerate(batch):
            if index not in refused:
                stored.append(entry)
            elif refused[index].get("code") != 11000:
                self._finish(entry, Unavailable())
                logger.error("a message was refused: code %s", refused[index].get("code"))
            elif (first := await _first_of(entry.draft)) is None:
                again.append(entry)
            elif first["_id"] == entry.document["_id"]:
                stored.append(entry)
            else:
                await self._was_stored_before(entry, first)
        return stored, again

    async def _was_stored_before(self, entry: _Entry, first: Document) -> None:
        room, seq = entry.draft.room_identity, entry.document["seq"]
        if not await self._numbers.give_back(room, seq):
            await seal([(room, seq)])
        self._succeed(entry, Stored(message_payload(first), duplicate=True))
        # Whoever stored it may have died before it told anybody.
        self._announce([first])

    async def _line_up_again(self, refused: list[_Entry], untried: list[_Entry]) -> list[_Entry]:
        """Puts the refused in line, and after them what the same people sent later: its numbers
        are given up. Returns the others of those untried."""
        senders = {entry.draft.sender for entry in refused}
        followers = [entry for entry in untried if entry.draft.sender in senders]
        await seal([(e.draft.room_identity, e.document["seq"]) for e in followers])
        again = refused + followers
        for entry in again:
            self._numbers.doubt(entry.draft.room_identity)
            entry.attempts += 1
            if entry.attempts >= MAX_ATTEMPTS:
                self._finish(entry, Unavailable())
        self._waiting[:0] = [entry for entry in again if entry.attempts < MAX_ATTEMPTS]
        return [entry for entry in untried if entry.draft.sender not in senders]

    # --- outcomes --------------------------------------------------------------------------

    def _succeed(self, entry: _Entry, stored: Stored) -> None:
        self._recent[entry.draft.key] = stored.message["identity"]
        if len(self._recent) > MAX_RECENT:
            self._recent.popitem(last=False)
        self._in_flight.pop(entry.draft.key, None)
        if not entry.future.done():  # its sender may have gone
            entry.future.set_result(stored)

    def _finish(self, entry: _Entry, error: AppError) -> None:
        self._in_flight.pop(entry.draft.key, None)
        _refuse(entry.future, error)

    def _fail(self, batch: list[_Entry], exc: Exception) -> None:
        """A batch failed as a whole. In an outage those who wait would wait for the same."""
        if is_outage(exc):
            batch, self._waiting = batch + self._waiting, []
            logger.warning("%d messages not stored: %r", len(batch), exc)
        else:
            logger.exception("a batch of messages failed", exc_info=exc)
        self._loose_ends.add([entry.document for entry in batch if entry.document])
        for entry in batch:
            self._finish(entry, Unavailable())

    def _announce(self, stored: Sequence[Document]) -> None:
        events = []
        for document in stored:
            room = document["room_identity"]
            self.advanced[room] = max(document["seq"], self.advanced.get(room, 0))
            events.append(Deliver(room_topic(room), created_frame(document), seq=document["seq"]))
        if events:
            current_hub().publish(*events)


async def _refusal(draft: Draft) -> AppError | None:
    """Why its sender may not send it; None if they may. Raises when the database is away."""
    try:
        may_send(await access(draft.user_identity, draft.room_identity), now_ms())
    except AppError as exc:
        return exc
    return None


async def _first_of(draft: Draft) -> Document | None:
    """The message that was stored under the same key."""
    room, user, client_id = draft.key
    return await collection("message_basic").find_one(
        {"room_identity": room, "user_identity": user, "client_id": client_id}
    )


def _refuse(future: "asyncio.Future[Stored]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # marks it as seen: a sender that left must not log


def _repeat(first: "asyncio.Future[Stored]", future: "asyncio.Future[Stored]") -> None:
    """Gives the second sender of a message in flight what the first one gets."""
    if future.done():
        return
    error = Unavailable() if first.cancelled() else first.exception()
    if error is not None:
        _refuse(future, error)
    else:
        future.set_result(Stored(first.result().message, duplicate=True))


def _document(draft: Draft, seq: int, now: int) -> Document:
    return new_document(
        room_identity=draft.room_identity,
        user_identity=draft.user_identity,
        client_id=draft.client_id,
        seq=seq,
        kind=draft.kind,
        data=draft.data,
        reply_to=draft.reply_to,
        now=now,
    )


def created_frame(document: Document) -> str:
    """`message.created` for a stored document."""
    return encode(
        "message.created",
        room_identity=document["room_identity"],
        message=message_payload(document),
    )


current_journal = PerLoop(Journal)
