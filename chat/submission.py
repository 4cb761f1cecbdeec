"""A message on its way from a sender to the disk (journal.py)."""

import asyncio
import time
from dataclasses import dataclass, field

from chat.payloads import MessagePayload, new_document
from imsystem.errors import AppError
from imsystem.mongo.clients import Document
from rooms.access import checked_now

Key = tuple[str, str, str]
Sender = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Submission:
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
    def sender(self) -> Sender:
        """Whose messages keep their order."""
        return (self.room_identity, self.user_identity)


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored message. `duplicate`: it was stored by an earlier send with the same key."""

    message: MessagePayload
    duplicate: bool = False


@dataclass(slots=True)
class Entry:
    """A submission in line. `document` is empty until it has a number; `allowed` is when its sender
    was last found to be allowed to send it; `since` is when it got in line (time.perf_counter)."""

    submission: Submission
    future: "asyncio.Future[Stored]"
    attempts: int = 0
    document: Document = field(default_factory=dict)
    allowed: tuple[float, int] = field(default_factory=checked_now)
    since: float = field(default_factory=time.perf_counter)

    def number(self, seq: int, now: int) -> None:
        """Makes the document that is stored under this seq."""
        submission = self.submission
        self.document = new_document(
            room_identity=submission.room_identity,
            user_identity=submission.user_identity,
            client_id=submission.client_id,
            seq=seq,
            kind=submission.kind,
            data=submission.data,
            reply_to=submission.reply_to,
            now=now,
        )

    def refuse(self, error: BaseException) -> None:
        """Answers with an error, unless it has been answered or its sender has gone."""
        refuse(self.future, error)


def refuse(future: "asyncio.Future[Stored]", error: BaseException) -> None:
    """Sets the error of a future that may be settled already."""
    if not future.done():
        future.set_exception(error)
        future.exception()  # marks it as seen: a sender that left must not log


def repeat(
    first: "asyncio.Future[Stored]", future: "asyncio.Future[Stored]", lost: AppError
) -> None:
    """Gives the second sender of a message in flight what the first one gets; `lost` when that
    was cancelled."""
    if future.done():
        return
    error = lost if first.cancelled() else first.exception()
    if error is not None:
        refuse(future, error)
    else:
        future.set_result(Stored(first.result().message, duplicate=True))
