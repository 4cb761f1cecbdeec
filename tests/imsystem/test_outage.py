"""Which errors mean: a database is away, try again."""

import pytest
import redis.exceptions
from django.db import OperationalError
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    NetworkTimeout,
    OperationFailure,
)

from imsystem.outage import is_outage


@pytest.mark.parametrize(
    "exc",
    [
        redis.exceptions.ConnectionError(),
        redis.exceptions.TimeoutError(),
        redis.exceptions.OutOfMemoryError(),
        redis.exceptions.ReadOnlyError(),
        redis.exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."),
        redis.exceptions.ResponseError("MISCONF Valkey is configured to save RDB snapshots"),
        redis.exceptions.ResponseError("ERR Error running script: @user_script:1: -MISCONF Errors"),
        redis.exceptions.ResponseError("MASTERDOWN Link with MASTER is down"),
        redis.exceptions.ClusterDownError("The cluster is down"),
        AutoReconnect(),
        NetworkTimeout(),
        OperationFailure("internal server error", 1),
        OperationFailure("no space left", 14_031),
        OperationFailure("a lock wait", 112),
        OperationFailure("the transaction was aborted", 251),
        BulkWriteError({"writeErrors": [{"code": 112, "index": 0}]}),
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
        redis.exceptions.ResponseError("WRONGTYPE Operation against a key, not a BUSY one"),
        DuplicateKeyError(""),
        OperationFailure("unknown operator", 2),
        RuntimeError("a bug"),
        KeyError(),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_something_else_is_wrong(exc: Exception) -> None:
    assert not is_outage(exc)
