"""How conflicts and duplicates are recognised, and how long a change is tried again."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError
from pymongo.errors import AutoReconnect, BulkWriteError, DuplicateKeyError, OperationFailure

from imsystem.errors import Unavailable
from imsystem.mongo.retry import (
    OvertakenError,
    is_conflict,
    is_duplicate,
    retry_in_thread,
    retry_when_overtaken,
)


def labelled(exc: Any, label: str = "TransientTransactionError") -> Exception:
    exc._add_error_label(label)
    return exc  # type: ignore[no-any-return]


def wrapped(cause: Exception, error: type[Exception] = DatabaseError) -> Exception:
    exc = error("in other words")
    exc.__cause__ = cause
    return exc


def bulk(*codes: int) -> BulkWriteError:
    return BulkWriteError({"writeErrors": [{"code": code, "index": 0} for code in codes]})


CONFLICTS = [
    OvertakenError(),
    OperationFailure("other words", 112),
    OperationFailure("no such transaction", 251),
    labelled(OperationFailure("new in this version", 9_999)),
    labelled(AutoReconnect("primary stepped down")),
    bulk(112),
    wrapped(OperationFailure("a lock wait", 112)),
]
DUPLICATES = [
    DuplicateKeyError("E11000", 11_000),
    OperationFailure("unique index says no", 11_000),
    bulk(11_000, 11_000),
    wrapped(DuplicateKeyError("E11000", 11_000), IntegrityError),
    wrapped(OperationFailure("duplicate, in other words", 11_000)),
]
OTHERS = [
    OperationFailure("unauthorised", 13),
    AutoReconnect("gone"),
    bulk(11_000, 121),
    ValueError(),
]


@pytest.mark.parametrize("exc", CONFLICTS, ids=repr)
def test_a_conflict_is_known_by_code_and_by_label(exc: Exception) -> None:
    assert is_conflict(exc)
    assert not is_duplicate(exc)


@pytest.mark.parametrize("exc", DUPLICATES, ids=repr)
def test_a_duplicate_is_known_by_its_code(exc: Exception) -> None:
    assert is_duplicate(exc)
    assert not is_conflict(exc)


@pytest.mark.parametrize("exc", OTHERS, ids=repr)
def test_everything_else_is_neither(exc: Exception) -> None:
    assert not is_duplicate(exc)
    assert not is_conflict(exc)


def failing(times: int, exc: Exception) -> Callable[[], int]:
    """Returns a function that raises so many times and then returns the number of its calls."""
    calls = 0

    def attempt() -> int:
        nonlocal calls
        calls += 1
        if calls <= times:
            raise exc
        return calls

    return attempt


async def awaited(attempt: Callable[[], int], **more: Any) -> int:
    async def later() -> int:
        return attempt()

    return await retry_when_overtaken(later, **more)


@pytest.mark.parametrize("exc", CONFLICTS, ids=repr)
async def test_a_conflict_is_tried_again(exc: Exception) -> None:
    assert await awaited(failing(3, exc)) == 4
    assert await asyncio.to_thread(retry_in_thread, failing(3, exc)) == 4


@pytest.mark.parametrize("exc", [*OTHERS, *DUPLICATES], ids=repr)
async def test_everything_else_is_raised_at_once(exc: Exception) -> None:
    with pytest.raises(type(exc)):
        await awaited(failing(1, exc))
    with pytest.raises(type(exc)):
        retry_in_thread(failing(1, exc))


async def test_after_a_while_it_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await awaited(failing(10**9, OvertakenError()), within_s=0.05)
    with pytest.raises(Unavailable):
        retry_in_thread(failing(10**9, OvertakenError()), within_s=0.05)
