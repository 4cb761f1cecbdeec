"""The Redis clients: async for the message path, sync for the rest."""

import redis.asyncio
from django.conf import settings
from django_redis import get_redis_connection

from imsystem.loops import PerLoop

KEY_PREFIX = "im:"


def _connect() -> "redis.asyncio.Redis":
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=settings.REDIS_TIMEOUT_S,
        socket_connect_timeout=settings.REDIS_TIMEOUT_S,
    )


async_redis = PerLoop(_connect)


def sync_redis() -> "redis.Redis":
    """The shared blocking client (django-redis's pool); values are bytes."""
    client: redis.Redis = get_redis_connection("default")
    return client
