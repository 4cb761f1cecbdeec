"""The Redis clients: async for the message path, sync for the rest."""

import redis.asyncio
from django.conf import settings
from django.utils.crypto import salted_hmac
from django_redis import get_redis_connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from imsystem import installation
from imsystem.loops import PerLoop


def key(*parts: str) -> str:
    """Returns `im:<installation>:<parts with colons>`: the name of a key or channel in Redis.

    Every name is made here, so installations that share a Redis do not meet in it. Keys that one
    script, transaction or command uses together share a part in braces: a cluster keeps keys with
    the same part in the same place.
    """
    return ":".join(("im", installation.name(), *parts))


def cache_key(name: str, prefix: str, version: int) -> str:
    """The key of an entry of Django's cache (settings.CACHES)."""
    return key("cache", prefix, str(version), name)


def _connect() -> "redis.asyncio.Redis":
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=settings.REDIS_TIMEOUT_S,
        socket_connect_timeout=settings.REDIS_TIMEOUT_S,
        # redis-py 8.1 does not see that a connection of its pool has ended (the blocking client
        # does): after a restart of Redis each of them failed once, whenever it was next used. Not
        # when Redis is slow: asked twice, a call would take twice its deadline.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )


async_redis = PerLoop(_connect)


def sync_redis() -> "redis.Redis":
    """The shared blocking client (django-redis's pool); values are bytes."""
    client: redis.Redis = get_redis_connection("default")
    return client


def secret_name(*parts: str) -> str:
    """A hash for a key that would hold names, addresses or codes: whoever reads Redis learns none
    of them, and cannot try them out without SECRET_KEY."""
    return salted_hmac("limits", "\0".join(parts), algorithm="sha256").hexdigest()
