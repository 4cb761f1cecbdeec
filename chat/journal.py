"""The journal orders messages and stores them durably before anybody is told of them.

It works in two steps, each for many messages at once. The first numbers all waiting messages with
one pipelined call to Redis. The second stores all numbered messages with one insert (`w: majority,
j: true`). The steps overlap: the next messages are numbered while the ones before them are being
written, so a batch grows with the load and a single message waits for nothing. Without the overlap
100 pairs stored 1,960 messages a second, and MongoDB was idle for 40 % of the time.
"""

import asyncio
import logging
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Coroutine, Iterable, Sequence
from operator import attrgetter
from typing import Any

from pymongo.errors import BulkWriteError

from chat.frames import MessageCreated
from chat.gaps import seal
from chat.hooks import on_stored
from chat.models import Message
from chat.payloads import message_payload
from chat.sequence import SequenceAllocator as Numbers
from chat.submission import Entry, Key, Stored, Submission, refuse, repeat
from chat.uncertain_writes import UncertainWrites
from imsystem.clock import now_ms
from imsystem.errors import AppError, Unavailable
from imsystem.loops import PerLoop, background
from imsystem.mongo.clients import Document, collection_of
from imsystem.mongo.retry import DUPLICATE
from imsystem.ops import metrics
from imsystem.ops.failpoints import failpoint
from imsystem.outage import is_outage
from imsystem.realtime.events import Deliver
from imsystem.realtime.frames import encode
from imsystem.realtime.hub import current_hub
from imsystem.realtime.topics import room_topic
from rooms.access import access, changed_since
from rooms.policies import require_send

logger = logging.getLogger(__name__)

MAX_BATCH = 256
MAX_RECENT = 20_000
MAX_ATTEMPTS = 4


class Journal:
    """The journal of one event loop. Call `submit` on that loop only."""

    def __init__(self) -> None:
        self._waiting: list[Entry] = []
        self._numbered: deque[list[Entry]] = deque()  # batches of at most MAX_BATCH
        # Rooms with messages between `_waiting` and the disk. Further messages of these rooms wait:
        # if the first were refused and numbered anew, the next would be stored before it.
        self._under_way: set[str] = set()
        self._numbering = False
        self._storing = False
        self._in_flight: dict[Key, asyncio.Future[Stored]] = {}
        self._recent: OrderedDict[Key, str] = OrderedDict()  # -> identity of the message
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = Numbers()
        self._uncertain = UncertainWrites(self._announce)
        # room -> highest stored seq; chat/checkpoint.py takes it from here
        self.advanced: dict[str, int] = {}

    def submit(self, submission: Submission) -> "asyncio.Future[Stored]":
        """Queues a message; messages of one caller keep their order.

        The future returns Stored once the message is on disk. If it raises Unavailable, the message
        may or may not be stored, and sending it again with the same client_id is right either way.
        """
        recent = self._recent.get(submission.key)
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        if recent is not None:
            self._start(self._give_back_first(recent, future))
        elif submission.key in self._in_flight:
            first = self._in_flight[submission.key]
            first.add_done_callback(lambda first: repeat(first, future, Unavailable()))
        else:
            self._in_flight[submission.key] = future
            self._waiting.append(Entry(submission, future))
            self._go_on()
        return future

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = background(work)
        self._tasks.add(task)  # the loop itself keeps only weak references
        task.add_done_callback(self._tasks.discard)

    async def _give_back_first(self, identity: str, future: "asyncio.Future[Stored]") -> None:
        """Answers a repeated send with the message as it is now; it may have been recalled."""
        try:
            found = await collection_of(Message).find_one({"_id": identity})
        except Exception as exc:
            logger.warning("a repeated message was not found: %r", exc)
            found = None
        if found is None:
            refuse(future, Unavailable())
        elif not future.done():
            future.set_result(Stored(message_payload(found), duplicate=True))

    # --- the two steps -----------------------------------------------------------------------

    def _go_on(self) -> None:
        """Starts each step that has work and is not running."""
        if self._waiting and not self._numbering:
            self._numbering = True
            self._start(self._number_all())
        if self._numbered and not self._storing:
            self._storing = True
            self._start(self._store_all())

    async def _number_all(self) -> None:
        try:
            while batch := self._next_in_line():
                try:
                    await self._number(batch)
                    allowed = await self._still_allowed(batch)
                except Exception as exc:
                    self._fail(batch, exc)
                else:
                    rooms = {entry.submission.room_identity for entry in allowed}
                    self._let_go(e for e in batch if e.submission.room_identity not in rooms)
                    if allowed:
                        self._numbered.append(allowed)
                        self._go_on()
        finally:
            self._numbering = False

    async def _store_all(self) -> None:
        try:
            while batch := self._next_numbered():
                started = time.perf_counter()
                try:
                    await failpoint("journal.before_insert")
                    stored = await self._insert(batch)
                    await failpoint("journal.after_insert")
                except Exception as exc:
                    self._fail(batch + (self._all_numbered() if is_outage(exc) else []), exc)
                else:
                    metrics.insert(time.perf_counter() - started)
                    metrics.batch(len(batch))
                    metrics.stored(len(stored))
                    self._let_go(batch)
                    # In a task, so that the next insert starts before these senders are answered.
                    self._start(self._tell(stored))
                self._go_on()
        finally:
            self._storing = False

    def _next_in_line(self) -> list[Entry]:
        """Takes up to MAX_BATCH waiting entries, but none of a room that has entries under way."""
        batch: list[Entry] = []
        others: list[Entry] = []
        for entry in self._waiting:
            free = len(batch) < MAX_BATCH and entry.submission.room_identity not in self._under_way
            (batch if free else others).append(entry)
        self._waiting = others
        self._under_way.update(entry.submission.room_identity for entry in batch)
        return batch

    def _next_numbered(self) -> list[Entry]:
        """Takes up to MAX_BATCH numbered entries."""
        batch: list[Entry] = []
        while self._numbered and len(batch) + len(self._numbered[0]) <= MAX_BATCH:
            batch += self._numbered.popleft()
        return batch

    def _all_numbered(self) -> list[Entry]:
        """Takes all numbered entries."""
        found = [entry for numbered in self._numbered for entry in numbered]
        self._numbered.clear()
        return found

    def _let_go(self, batch: Iterable[Entry]) -> None:
        self._under_way.difference_update(entry.submission.room_identity for entry in batch)

    async def _number(self, batch: Sequence[Entry]) -> None:
        counts = Counter(entry.submission.room_identity for entry in batch)
        started = time.perf_counter()
        next_seq = await self._numbers.allocate(counts)
        metrics.counter(time.perf_counter() - started)
        now = now_ms()
        for entry in batch:
            metrics.wait(started - entry.since)
            room = entry.submission.room_identity
            entry.number(next_seq[room], now)
            next_seq[room] += 1

    async def _still_allowed(self, batch: list[Entry]) -> list[Entry]:
        """Returns the batch without the messages of senders who were removed or muted meanwhile.

        This runs after the numbering: a message is either numbered before the change of the room is
        announced, or refused.
        """
        doubtful = [e for e in batch if changed_since(e.submission.room_identity, e.allowed)]
        if not doubtful:
            return batch
        errors = await asyncio.gather(*(_refusal(entry.submission) for entry in doubtful))
        refused = [(e, error) for e, error in zip(doubtful, errors, strict=True) if error]
        await seal([(e.submission.room_identity, e.document["seq"]) for e, _error in refused])
        for entry, error in refused:
            self._finish(entry, error)
        gone = {id(entry) for entry, _error in refused}
        return [entry for entry in batch if id(entry) not in gone]

    async def _insert(self, batch: list[Entry]) -> list[Entry]:
        """Stores a batch and returns the entries that are stored. The others are answered already
        or queued again for another number.

        The insert is ordered only if a sender has several messages in the batch, so that none is
        stored before an earlier one that is refused. A sharded MongoDB is faster without order.
        """
        stored: list[Entry] = []
        while batch:
            ordered = len({entry.submission.sender for entry in batch}) < len(batch)
            documents = [entry.document for entry in batch]
            try:
                await collection_of(Message).insert_many(documents, ordered=ordered)
            except BulkWriteError as exc:
                refusals = exc.details["writeErrors"]
                if not refusals:  # stored, but not yet on a majority of disks
                    raise
                tried = refusals[-1]["index"] + 1 if ordered else len(batch)
                done, again = await self._sort_out(batch[:tried], refusals)
                stored += done
                batch = await self._line_up_again(again, batch[tried:])
            else:
                stored, batch = stored + batch, []
        return stored

    async def _tell(self, stored: list[Entry]) -> None:
        """Answers the senders, then announces the messages to their rooms."""
        documents = [entry.document for entry in stored]
        try:
            for entry in stored:
                self._succeed(entry, Stored(message_payload(entry.document)))
            # Every sender's ack leaves before the first copy of the message.
            await asyncio.sleep(0)
            await failpoint("journal.before_announce")
            self._announce(documents)
        except Exception:
            logger.exception("stored messages could not be announced, and will be again")
            self._uncertain.add(documents)

    # --- when some documents of a batch were refused ---------------------------------------

    async def _sort_out(
        self, batch: list[Entry], refusals: list[dict[str, Any]]
    ) -> tuple[list[Entry], list[Entry]]:
        """Returns the entries that are stored, and those that need another number.

        If (room, sender, client_id) or _id is taken, the message was stored before, by an earlier
        send or by the driver's own retry of this insert. If (room, seq) is taken, the counter was
        behind.
        """
        refused = {refusal["index"]: refusal for refusal in refusals}
        stored, again = [], []
        for index, entry in enumerate(batch):
            if index not in refused:
                stored.append(entry)
            elif refused[index].get("code") != DUPLICATE:
                self._finish(entry, Unavailable())
                logger.error("a message was refused: code %s", refused[index].get("code"))
            elif (first := await _first_of(entry.submission)) is None:
                again.append(entry)
            elif first["_id"] == entry.document["_id"]:
                stored.append(entry)
            else:
                await self._was_stored_before(entry, first)
        return stored, again

    async def _was_stored_before(self, entry: Entry, first: Document) -> None:
        room, seq = entry.submission.room_identity, entry.document["seq"]
        if not await self._numbers.give_back(room, seq):
            await seal([(room, seq)])
        self._succeed(entry, Stored(message_payload(first), duplicate=True))
        # The process that stored it may have died before it announced it.
        self._announce([first])

    async def _line_up_again(self, refused: list[Entry], untried: list[Entry]) -> list[Entry]:
        """Queues the refused entries again, followed by later ones of the same senders, which give
        up their numbers. Returns the other untried entries."""
        senders = {entry.submission.sender for entry in refused}
        followers = [entry for entry in untried if entry.submission.sender in senders]
        await seal([(e.submission.room_identity, e.document["seq"]) for e in followers])
        again = refused + followers
        for entry in again:
            self._numbers.doubt(entry.submission.room_identity)
            entry.attempts += 1
            if entry.attempts >= MAX_ATTEMPTS:
                self._finish(entry, Unavailable())
        self._waiting[:0] = [entry for entry in again if entry.attempts < MAX_ATTEMPTS]
        return [entry for entry in untried if entry.submission.sender not in senders]

    # --- outcomes --------------------------------------------------------------------------

    def _succeed(self, entry: Entry, stored: Stored) -> None:
        self._recent[entry.submission.key] = stored.message["identity"]
        if len(self._recent) > MAX_RECENT:
            self._recent.popitem(last=False)
        self._in_flight.pop(entry.submission.key, None)
        if not entry.future.done():  # its sender may be gone
            entry.future.set_result(stored)

    def _finish(self, entry: Entry, error: AppError) -> None:
        self._in_flight.pop(entry.submission.key, None)
        refuse(entry.future, error)

    def _fail(self, batch: list[Entry], exc: Exception) -> None:
        """Answers a batch that failed as a whole. In an outage, what waits would fail as well."""
        self._let_go(batch)
        if is_outage(exc):
            batch, self._waiting = batch + self._waiting, []
            logger.warning("%d messages not stored: %r", len(batch), exc)
        else:
            logger.exception("a batch of messages failed", exc_info=exc)
        self._uncertain.add([entry.document for entry in batch if entry.document])
        for entry in batch:
            self._finish(entry, Unavailable())

    def _announce(self, stored: Sequence[Document]) -> None:
        events = []
        for document in stored:
            room = document["room_identity"]
            self.advanced[room] = max(document["seq"], self.advanced.get(room, 0))
            events.append(Deliver(room_topic(room), created_frame(document), seq=document["seq"]))
        if events:
            # A room's messages side by side, so that they leave in one write per socket.
            current_hub().publish(*sorted(events, key=attrgetter("topic")))
            if on_stored:
                on_stored.tell([message_payload(document) for document in stored])


async def _refusal(submission: Submission) -> AppError | None:
    """Returns why the sender may not send it, or None. Raises if MongoDB does not answer."""
    try:
        require_send(await access(submission.user_identity, submission.room_identity), now_ms())
    except AppError as exc:
        return exc
    return None


async def _first_of(submission: Submission) -> Document | None:
    """Returns the message that is stored under the same key, if any."""
    room, user, client_id = submission.key
    return await collection_of(Message).find_one(
        {"room_identity": room, "user_identity": user, "client_id": client_id}
    )


def created_frame(document: Document) -> str:
    """Returns the `message.created` frame of a stored document."""
    return encode(
        MessageCreated(room_identity=document["room_identity"], message=message_payload(document))
    )


current_journal = PerLoop(Journal)
