"""Changes of stored messages: the only way in which a message changes after it was stored.

Every change takes the room's next revision. Changes of one room that arrive while others are being
stored are committed together, in one transaction with the room: nobody can see the room's new
revision before the messages that carry it, several processes cannot take the same revision, and a
crash leaves all of a batch or nothing. One transaction for each change made 8 attempts too few for
more than a dozen simultaneous edits of one room.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pymongo
from pymongo import DeleteMany, InsertOne, UpdateMany, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from chat.frames import MessageUpdated
from chat.hooks import on_changed
from chat.models import Edit, Message
from chat.payloads import VOID, MessagePayload, message_payload
from chat.submission import refuse
from imsystem.clock import now_ms
from imsystem.errors import AppError, NotFound, Unavailable
from imsystem.ids import is_identity
from imsystem.loops import PerLoop, background
from imsystem.mongo.clients import IN_AT_ONCE, Document, collection_of, find_in, mongo_client
from imsystem.mongo.retry import WITHIN_S, retry_when_overtaken
from imsystem.mongo.shared_reads import SharedReads
from imsystem.ops import metrics
from imsystem.ops.failpoints import failpoint
from imsystem.outage import is_outage
from imsystem.realtime.events import Deliver
from imsystem.realtime.followed import Moment
from imsystem.realtime.frames import encode
from imsystem.realtime.hub import current_hub
from imsystem.realtime.topics import room_topic
from rooms.access import access, changed_since, checked_now
from rooms.policies import Access, can_read
from rooms.revisions import advance_revision, current_revision

logger = logging.getLogger(__name__)

# SecantusDB takes 2 to 4 ms for each message that it updates, and another process that wants to
# change messages of the room waits as long as the transaction runs.
MESSAGES_AT_ONCE = 64
CHANGES_AT_ONCE = 512
ROOMS_AT_ONCE = 16
# After an outage, changes whose commit was not answered are looked up in steps of so many.
LOOK_AGAIN_S = 0.5

EditWrite = InsertOne[Document] | UpdateMany | DeleteMany


@dataclass(frozen=True, slots=True)
class Change:
    """What a mutation does: the fields of the message that it sets, and its writes to the earlier
    texts (message_edit), which are stored in the same transaction."""

    fields: Document
    edits: Sequence[EditWrite] = ()


# Raises an AppError if the actor may not change the message. Called with (access, message, now).
Rule = Callable[[Access, Document, int], None]
# Returns what to change, or None if there is nothing to change. Called with (message, now), maybe
# several times, each time with the message as it is then.
Mutation = Callable[[Document, int], Change | None]


async def change(
    message_identity: str, actor: str, rule: Rule, mutation: Mutation
) -> MessagePayload:
    """Changes a message, tells its room, and returns the message as it is then.

    Raises NotFound (no such message, or the actor is not a member or may not read it), what `rule`
    raises, and Unavailable if MongoDB does not answer.
    """
    allowed = checked_now()
    document = await _documents().get(message_identity) if is_identity(message_identity) else None
    if document is None or document["kind"] == VOID:
        raise NotFound
    standing = await access(actor, document["room_identity"])
    now = now_ms()
    _permit(rule, standing, document, now)
    if mutation(document, now) is None:
        return message_payload(document)
    entry = _Entry(message_identity, standing, rule, mutation, allowed)
    return await current_changes().submit(entry)


def _permit(rule: Rule, standing: Access, document: Document, now: int) -> None:
    """Raises NotFound for a message below the actor's floor, and whatever the rule raises."""
    if not can_read(standing.floor_seq, document["seq"]):
        raise NotFound
    rule(standing, document, now)


async def _read(identities: Sequence[str]) -> dict[str, Document]:
    return {row["_id"]: row for row in await find_in(Message, "_id", identities)}


# When a whole room reacts to one message, it is read once.
_documents = PerLoop(lambda: SharedReads(_read))


def _new_future() -> "asyncio.Future[MessagePayload]":
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class _Entry:
    """A change in the queue of its room. `allowed` is when the access was checked."""

    message_identity: str
    standing: Access
    rule: Rule
    mutation: Mutation
    allowed: Moment
    future: "asyncio.Future[MessagePayload]" = field(default_factory=_new_future)

    @property
    def room_identity(self) -> str:
        return self.standing.room_identity


Outcome = MessagePayload | Exception


class Changes:
    """The queues of one process, one for each room with changes under way."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[_Entry]] = {}
        self._slots = asyncio.Semaphore(ROOMS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._uncertain: dict[str, None] = {}  # identities of messages, in order
        self._looking = False

    def submit(self, entry: _Entry) -> "asyncio.Future[MessagePayload]":
        """Queues a change; the future is done when the change is stored and announced."""
        if entry.room_identity in self._waiting:
            self._waiting[entry.room_identity].append(entry)
        else:
            self._waiting[entry.room_identity] = deque([entry])
            self._start(self._work(entry.room_identity))
        return entry.future

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = background(work)
        self._tasks.add(task)  # the loop itself keeps only weak references
        task.add_done_callback(self._tasks.discard)

    async def _work(self, room: str) -> None:
        """Stores what waits for a room, batch by batch, until nothing waits."""
        while self._waiting[room]:
            async with self._slots:
                batch = self._next(room)
                try:
                    with pymongo.timeout(WITHIN_S):
                        await self._store(room, batch)
                except Exception as exc:
                    self._fail(room, batch, exc)
        del self._waiting[room]

    def _next(self, room: str) -> list[_Entry]:
        waiting, batch = self._waiting[room], list[_Entry]()
        messages: set[str] = set()
        while waiting and len(batch) < CHANGES_AT_ONCE:
            messages.add(waiting[0].message_identity)
            if len(messages) > MESSAGES_AT_ONCE:
                break
            batch.append(waiting.popleft())
        return batch

    async def _store(self, room: str, batch: list[_Entry]) -> None:
        attempts: list[_Attempt] = []

        async def attempt() -> _Attempt:
            attempts.append(_Attempt(room, batch))
            await attempts[-1].run()
            return attempts[-1]

        done = await retry_when_overtaken(attempt)
        await failpoint("changes.after_commit")
        # An attempt that seemed to fail may have been stored: a later one then finds nothing to
        # change, and tells all the same.
        _announce(done.changed if len(attempts) == 1 else done.shown)
        if done.changed:
            metrics.changes(len(done.changed))
        for entry, outcome in zip(batch, done.outcomes, strict=True):
            _answer(entry, outcome)

    def _fail(self, room: str, batch: list[_Entry], exc: Exception) -> None:
        """Answers a batch that could not be stored. In an outage, what waits behind it would only
        wait for the same."""
        if is_outage(exc):
            batch = [*batch, *self._waiting[room]]
            self._waiting[room].clear()
            logger.warning("%d changes not stored: %r", len(batch), exc)
            self._look_again(entry.message_identity for entry in batch)
            exc = Unavailable()
        elif not isinstance(exc, AppError):
            logger.error("a batch of changes failed", exc_info=exc)
            exc = AppError()
        for entry in batch:
            refuse(entry.future, exc)

    # --- commits that were not answered ----------------------------------------------------

    def _look_again(self, identities: Any) -> None:
        """Announces these messages when MongoDB answers again: a change may have been stored."""
        self._uncertain.update(dict.fromkeys(identities))
        if not self._looking:
            self._looking = True
            self._start(self._settle())

    async def _settle(self) -> None:
        try:
            while self._uncertain:
                await asyncio.sleep(LOOK_AGAIN_S)
                some = list(islice(self._uncertain, IN_AT_ONCE))
                try:
                    found = await _read(some)
                except Exception as exc:
                    if is_outage(exc):
                        continue
                    raise
                for identity in some:
                    self._uncertain.pop(identity, None)
                changed = [message_payload(row) for row in found.values() if row["revision"]]
                _announce(sorted(changed, key=lambda message: message["revision"]))
        except Exception:  # clients find the changes with their next sync
            logger.exception("changes that were not answered could not be looked up")
        finally:
            self._looking = False


class _Attempt:
    """One transaction with a batch of changes of a room.

    `outcomes` are those of the entries, in their order; `changed` the messages as each change left
    them; `shown` the same with those that needed no change.
    """

    def __init__(self, room: str, batch: Sequence[_Entry]) -> None:
        self._room = room
        self._batch = batch
        self._edits: list[EditWrite] = []
        self._touched: dict[str, Document] = {}  # message -> all fields that were set
        self.outcomes: list[Outcome] = []
        self.changed: list[MessagePayload] = []
        self.shown: list[MessagePayload] = []

    async def run(self) -> None:
        """Reads, decides, writes and commits. Raises a conflict when another process was first."""
        refused = await self._refusals()
        async with (
            mongo_client().start_session() as session,
            # Snapshot: a message that changes after it was read makes the write a conflict.
            await session.start_transaction(
                ReadConcern("snapshot"), WriteConcern("majority", j=True)
            ),
        ):
            before = await current_revision(self._room, session)
            documents = await self._read(session)
            after = self._decide(documents, before, refused)
            if after > before:
                # First, so that a process that comes second finds out before it does the work.
                await advance_revision(self._room, session, before=before, after=after)
                await self._write(session)
                await failpoint("changes.before_commit")

    async def _refusals(self) -> dict[int, AppError]:
        """Checks the access again of those whose room has changed since they were let in."""
        refused: dict[int, AppError] = {}
        for number, entry in enumerate(self._batch):
            if changed_since(self._room, entry.allowed):
                moment = checked_now()
                try:
                    entry.standing = await access(entry.standing.user_identity, self._room)
                except AppError as exc:
                    refused[number] = exc
                else:
                    entry.allowed = moment
        return refused

    async def _read(self, session: AsyncClientSession) -> dict[str, Document]:
        identities = list(dict.fromkeys(entry.message_identity for entry in self._batch))
        found: dict[str, Document] = {}
        for start in range(0, len(identities), IN_AT_ONCE):
            wanted = {"_id": {"$in": identities[start : start + IN_AT_ONCE]}}
            rows = collection_of(Message).find(wanted, session=session)
            found |= {row["_id"]: row for row in await rows.to_list()}
        return found

    def _decide(
        self, documents: dict[str, Document], revision: int, refused: dict[int, AppError]
    ) -> int:
        """Applies the rules and mutations one after the other; returns the new revision."""
        now = now_ms()
        for number, entry in enumerate(self._batch):
            try:
                if number in refused:
                    raise refused[number]
                document = documents[entry.message_identity]
                _permit(entry.rule, entry.standing, document, now)
                found = entry.mutation(document, now)
            except Exception as exc:
                self.outcomes.append(exc)
                continue
            if found is not None:
                revision += 1
                fields = {**found.fields, "revision": revision}
                document = documents[entry.message_identity] = {**document, **fields}
                self._touched.setdefault(entry.message_identity, {}).update(fields)
                self._edits += found.edits
                self.changed.append(message_payload(document))
            self.shown.append(message_payload(document))
            self.outcomes.append(self.shown[-1])
        return revision

    async def _write(self, session: AsyncClientSession) -> None:
        updates = [UpdateOne({"_id": key}, {"$set": value}) for key, value in self._touched.items()]
        await collection_of(Message).bulk_write(updates, ordered=False, session=session)
        if self._edits:
            await collection_of(Edit).bulk_write(self._edits, session=session)


def _answer(entry: _Entry, outcome: Outcome) -> None:
    if isinstance(outcome, Exception):
        refuse(entry.future, outcome)
    elif not entry.future.done():  # its actor may be gone
        entry.future.set_result(outcome)


def _announce(messages: Sequence[MessagePayload]) -> None:
    """Sends `message.updated` for each change, in the order of the revisions."""
    if not messages:
        return
    current_hub().publish(*map(_event, messages))
    on_changed.tell(messages)


def _event(message: MessagePayload) -> Deliver:
    room = message["room_identity"]
    frame = encode(MessageUpdated(room_identity=room, message=message))
    return Deliver(room_topic(room), frame, seq=message["seq"], revision=message["revision"])


current_changes = PerLoop(Changes)
