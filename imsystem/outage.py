"""Which exceptions mean that MongoDB or Redis does not answer (and so: try again)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import redis.exceptions
from django.db import InterfaceError, OperationalError
from django.db.utils import DatabaseError
from pymongo.errors import AutoReconnect, ConnectionFailure, OperationFailure, PyMongoError

from imsystem.errors import Unavailable
from imsystem.mongo.retry import is_conflict

_REDIS = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)
# States in which Redis refuses commands for now: it is full, read-only, loading its file, short of
# replicas, out of disk, or a cluster that is changing. redis-py has classes for some of the
# protocol's codes; the others begin the text, or follow a dash where a script's error quotes them.
_REDIS_STATES = (
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.ClusterDownError,
)
# redis-py's own words for a cluster of which no node, or not every part, can be reached. They come
# as a class that also tells of mistakes of the caller.
_CLUSTER_AWAY = re.compile(r"Redis Cluster cannot be connected|slots? .*not covered", re.IGNORECASE)
_REDIS_CODES = re.compile(
    r"(?:^|-)(?:OOM|READONLY|LOADING|NOREPLICAS|MISCONF|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY)\b"
)
_DJANGO = (OperationalError, InterfaceError)
# InternalError, OutOfDiskSpace: MongoDB cannot write any more. It gives up, and has to be
# restarted.
_CANNOT_WRITE = (1, 14_031)


def is_outage(exc: BaseException) -> bool:
    """Returns True when `exc` says that a database is down, slow or refuses writes for now."""
    if isinstance(exc, (*_REDIS, *_DJANGO, ConnectionFailure, AutoReconnect)):
        return True
    if isinstance(exc, redis.exceptions.ResponseError):
        return isinstance(exc, _REDIS_STATES) or _REDIS_CODES.search(str(exc)) is not None
    if isinstance(exc, redis.exceptions.RedisClusterException):
        return _CLUSTER_AWAY.search(str(exc)) is not None
    if isinstance(exc, redis.exceptions.ClusterError):  # a command was sent from node to node
        return True
    if isinstance(exc, OperationFailure) and exc.code in _CANNOT_WRITE:
        return True
    if isinstance(exc, PyMongoError):
        # A conflict that was met outside a transaction, or too often: the client may try again.
        return exc.timeout or is_conflict(exc)
    if isinstance(exc, RuntimeError):
        # What uvloop raises instead of an OSError when a connection was reset before a write.
        return "the handler is closed" in str(exc)
    # The backend wraps PyMongo's errors in Django's; the original is the cause.
    return isinstance(exc, DatabaseError) and exc.__cause__ is not None and is_outage(exc.__cause__)


@contextmanager
def unavailable_on_outage() -> Iterator[None]:
    """Turns an outage inside the block into `Unavailable`; other exceptions pass."""
    try:
        yield
    except Exception as exc:
        if is_outage(exc):
            raise Unavailable from exc
        raise
