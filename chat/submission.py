"""A message on its way from its sender to the disk (journal.py)."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from chat.kinds import Content
from chat.payloads import MessagePayload, new_document
from imsystem.errors import AppError
from imsystem.mongo.clients import Document
from imsystem.realtime.followed import Moment
from rooms.access import checked_now

Key = tuple[str, str, str]
Sender = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Submission:
    """A message that has passed all checks and may be stored."""

    room_identity: str
    user_identity: str
    client_id: str
    content: Content

    @property
    def key(self) -> Key:
        """Identifies the message: whatever is sent again with this key is the same message."""
        return (self.room_identity, self.user_identity, self.client_id)

    @property
    def sender(self) -> Sender:
        """Identifies the sender in the room. Messages of one sender keep their order."""
        return (self.room_identity, self.user_identity)


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored message. `duplicate` says that an earlier send with the same key stored it."""

    message: MessagePayload
    duplicate: bool = False


@dataclass(slots=True)
class Entry:
    """A submission in the queue of the journal.

    `document` is empty until the message has its number. `allowed` is the moment when the sender's
    access was last checked. `since` is when the entry was queued (time.perf_counter).
    """

    submission: Submission
    future: "asyncio.Future[Stored]"
    attempts: int = 0
    document: Document = field(default_factory=dict)
    allowed: Moment = field(default_factory=checked_now)
    since: float = field(default_factory=time.perf_counter)

    def number(self, seq: int, now: int) -> None:
        """Builds the document that will be stored with this seq."""
        submission = self.submission
        self.document = new_document(
            room_identity=submission.room_identity,
            user_identity=submission.user_identity,
            client_id=submission.client_id,
            seq=seq,
            content=submission.content,
            now=now,
        )

    def refuse(self, error: BaseException) -> None:
        """Answers the sender with an error, unless it has an answer already or is gone."""
        refuse(self.future, error)


def refuse(future: "asyncio.Future[Any]", error: BaseException) -> None:
    """Sets the error of a future that may be done already."""
    if not future.done():
        future.set_exception(error)
        future.exception()  # marks it as retrieved, or a sender that is gone would cause a log line


def repeat(
    first: "asyncio.Future[Stored]", future: "asyncio.Future[Stored]", lost: AppError
) -> None:
    """Answers a repeated send of a message in flight like the first send, or with `lost` if the
    first one was cancelled."""
    if future.done():
        return
    error = lost if first.cancelled() else first.exception()
    if error is not None:
        refuse(future, error)
    else:
        future.set_result(Stored(first.result().message, duplicate=True))
