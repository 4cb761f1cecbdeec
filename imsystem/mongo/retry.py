"""Conflicts and duplicates in MongoDB: how they are recognised, and how a change is tried again.

Both are recognised by the codes that the protocol defines, and conflicts also by their label. The
words and labels differ between engines: DocumentDB reports a conflict as code 112 without a label
and a duplicate with other words than MongoDB.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from secrets import randbelow
from typing import TypeVar

from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError

from imsystem.errors import Unavailable

T = TypeVar("T")

DUPLICATE = 11_000
# WriteConflict, NoSuchTransaction (the server has aborted the transaction already).
CONFLICTS = frozenset({112, 251})
TRANSIENT = "TransientTransactionError"

# Less than the 5 s of one database operation and the 6 s that a socket command may take.
WITHIN_S = 4.0
FIRST_WAIT_MS = 8
LONGEST_WAIT_MS = 128


class OvertakenError(Exception):
    """A conditional write did not apply, because another change was stored first."""


def is_duplicate(exc: BaseException | None) -> bool:
    """Tells whether a unique index refused every write that failed. Also looks at the cause, since
    Django wraps the errors of the driver."""
    while exc is not None:
        codes = _codes(exc)
        if codes:
            return codes == {DUPLICATE}
        exc = exc.__cause__
    return False


def is_conflict(exc: BaseException | None) -> bool:
    """Tells whether the same change may succeed if it is tried again. Also looks at the cause."""
    while exc is not None:
        if isinstance(exc, OvertakenError) or _codes(exc) & CONFLICTS:
            return True
        if isinstance(exc, PyMongoError) and exc.has_error_label(TRANSIENT):
            return True
        exc = exc.__cause__
    return False


def _codes(exc: BaseException) -> set[int]:
    """Returns the error codes of an exception: several for a bulk write, as a rule one or none."""
    if isinstance(exc, BulkWriteError) and exc.details.get("writeErrors"):
        return {error["code"] for error in exc.details["writeErrors"]}
    if isinstance(exc, OperationFailure) and exc.code is not None:
        return {exc.code}
    return set()


async def retry_when_overtaken(
    attempt: Callable[[], Awaitable[T]], within_s: float = WITHIN_S
) -> T:
    """Calls `attempt` until it meets no conflict, and returns its result.

    Raises Unavailable after `within_s`, and at once whatever is no conflict. An attempt must read
    anew what it depends on.
    """
    deadline = time.monotonic() + within_s
    for wait_s in _waits():
        try:
            return await attempt()
        except Exception as exc:
            _give_up(exc, time.monotonic() + wait_s > deadline)
        await asyncio.sleep(wait_s)
    raise AssertionError("the waits never end")


def retry_in_thread(attempt: Callable[[], T], within_s: float = WITHIN_S) -> T:
    """Does the same as retry_when_overtaken for synchronous callers, such as the ORM's."""
    deadline = time.monotonic() + within_s
    for wait_s in _waits():
        try:
            return attempt()
        except Exception as exc:
            _give_up(exc, time.monotonic() + wait_s > deadline)
        time.sleep(wait_s)
    raise AssertionError("the waits never end")


def _give_up(exc: Exception, too_late: bool) -> None:
    """Raises what ends the attempts; returns if there may be another one."""
    if not is_conflict(exc):
        raise exc
    if too_late:
        raise Unavailable from exc


def _waits() -> Iterator[float]:
    """Yields growing random waits in seconds: those who collided must not collide again."""
    most = FIRST_WAIT_MS
    while True:
        yield randbelow(most) / 1_000
        most = min(2 * most, LONGEST_WAIT_MS)
