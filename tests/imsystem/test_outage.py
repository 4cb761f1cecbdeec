"""Which errors mean: a database is away, try again."""

import pytest
import redis.exceptions
from django.db import OperationalError
from pymongo.errors import AutoReconnect, DuplicateKeyError, NetworkTimeout, OperationFailure

from imsystem.outage import is_outage


@pytest.mark.parametrize(
    "exc",
    [
        redis.exceptions.ConnectionError(),
        redis.exceptions.TimeoutError(),
        redis.exceptions.OutOfMemoryError(),
        redis.exceptions.ReadOnlyError(),
        AutoReconnect(),
        NetworkTimeout(),
        OperationFailure("internal server error", 1),
        OperationFailure("no space left", 14_031),
        OperationalError(),
        RuntimeError("unable to perform operation on <TCPTransport>; the handler is closed"),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_a_database_is_away(exc: Exception) -> None:
    assert is_outage(exc)


@pytest.mark.parametrize(
    "exc",
    [
        redis.exceptions.ResponseError(),
        DuplicateKeyError(""),
        OperationFailure("unknown operator", 2),
        RuntimeError("a bug"),
        KeyError(),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_something_else_is_wrong(exc: Exception) -> None:
    assert not is_outage(exc)
