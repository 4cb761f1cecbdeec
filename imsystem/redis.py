"""Everything that talks to Redis gets its client, and the names of its keys, from here.

Clients are async for the message path and blocking for the rest. Each is of the kind that REDIS_URL
names (imsystem/redis_url.py): of one server, of a Cluster, or of the primary that Sentinels name.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.sentinel
import redis.cluster
import redis.sentinel
from django.conf import settings
from django.utils.crypto import salted_hmac
from django_redis.pool import ConnectionFactory
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from imsystem import installation
from imsystem.loops import PerLoop
from imsystem.redis_url import Kind, RedisAddress, redis_address

# A Sentinel that does not answer is passed over, so this comes on top of other deadlines.
SENTINEL_TIMEOUT_S = 0.5
# How often a client looks for the node anew in a cluster that changes. Each try has a deadline.
CLUSTER_RETRIES = 1


class WrongKind(Exception):
    """REDIS_URL names a Redis of another kind than the one that answers."""


# --- names ---------------------------------------------------------------------------------------


def key(*parts: str) -> str:
    """Returns `im:<installation>:<parts with colons>`: the name of a key or channel in Redis.

    Every name is made here, so installations that share a Redis do not meet in it. Keys that one
    script, transaction or command uses together share a part in braces: a cluster keeps keys with
    the same part in the same place.
    """
    return ":".join(("im", installation.name(), *parts))


def cache_key(name: str, prefix: str, version: int) -> str:
    """The key of an entry of Django's cache (settings.CACHES), which gets several at once."""
    return key("{cache}", prefix, str(version), name)


def secret_name(*parts: str) -> str:
    """A hash for a key that would hold names, addresses or codes: whoever reads Redis learns none
    of them, and cannot try them out without SECRET_KEY."""
    return salted_hmac("limits", "\0".join(parts), algorithm="sha256").hexdigest()


# --- clients -------------------------------------------------------------------------------------


def address() -> RedisAddress:
    return _address_of(settings.REDIS_URL)


_address_of = cache(redis_address)


def _timeouts() -> dict[str, Any]:
    return {
        "socket_timeout": settings.REDIS_TIMEOUT_S,
        "socket_connect_timeout": settings.REDIS_TIMEOUT_S,
    }


def _sentinel_options(retry: Any) -> dict[str, Any]:
    """By default redis-py would try each Sentinel that is away for seconds."""
    short = dict.fromkeys(_timeouts(), SENTINEL_TIMEOUT_S)
    return {**address().sentinel_options, **short, "ssl": address().tls, "retry": retry}


def _retried(errors: tuple[type[Exception], ...]) -> Any:
    """When a node has gone, a cluster's clients ask again. Not when it was slow: asked twice, a
    call would take twice its deadline."""
    return tuple(each for each in errors if each is not redis.TimeoutError)


class _AsyncCluster(redis.asyncio.RedisCluster):
    ERRORS_ALLOW_RETRY = _retried(redis.asyncio.RedisCluster.ERRORS_ALLOW_RETRY)


class _Cluster(redis.cluster.RedisCluster):
    ERRORS_ALLOW_RETRY = _retried(redis.cluster.RedisCluster.ERRORS_ALLOW_RETRY)


class _Primary(redis.asyncio.Redis):
    """The primary that Sentinels name."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Closes the connections to the Sentinels as well."""
        await super().aclose(close_connection_pool)
        await cast("Any", self.connection_pool).sentinel_manager.aclose()


def async_client(**options: Any) -> "redis.asyncio.Redis":
    """A new client with connections of its own; `options` as redis-py's connections take them. A
    cluster's answers the same commands."""
    where = address()
    if where.kind is Kind.SERVER:
        return redis.asyncio.Redis.from_url(where.url, **options)
    options = {**where.options, **options, "ssl": where.tls}
    client: Any
    if where.kind is Kind.CLUSTER:
        nodes = [redis.asyncio.cluster.ClusterNode(host, port) for host, port in where.nodes]
        retry = AsyncRetry(NoBackoff(), CLUSTER_RETRIES)
        client = _AsyncCluster(startup_nodes=nodes, retry=retry, **options)
    else:
        make: Any = redis.asyncio.sentinel.Sentinel
        sentinel = make(where.nodes, sentinel_kwargs=_sentinel_options(AsyncRetry(NoBackoff(), 0)))
        client = sentinel.master_for(where.service, _Primary, **options)
    return cast("redis.asyncio.Redis", client)


def _connect() -> "redis.asyncio.Redis":
    options: dict[str, Any] = {**_timeouts(), "decode_responses": True}
    if address().kind is not Kind.CLUSTER:
        # redis-py 8.1 does not see that a connection of its pool has ended (the blocking client
        # does): after a restart of Redis each of them failed once, whenever it was next used. Not
        # when Redis is slow: asked twice, a call would take twice its deadline.
        options["retry"] = AsyncRetry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return async_client(**options)


async_redis = PerLoop(_connect)


async def get_many(keys: Sequence[str]) -> list[Any]:
    """The values of several keys, which a cluster may keep in several places."""
    client = async_redis()
    if isinstance(client, redis.asyncio.RedisCluster):
        return list(await client.mget_nonatomic(keys))
    return list(await client.mget(keys))


def sync_redis() -> "redis.Redis":
    """The shared blocking client; values are bytes."""
    return _sync_client(settings.REDIS_URL)


@cache
def _sync_client(url: str) -> "redis.Redis":
    where = redis_address(url)
    if where.kind is Kind.SERVER:
        return redis.Redis(connection_pool=redis.ConnectionPool.from_url(url, **_timeouts()))
    options = {**where.options, **_timeouts(), "ssl": where.tls}
    make: Any
    if where.kind is Kind.CLUSTER:
        make = redis.cluster.ClusterNode
        nodes = [make(host, port) for host, port in where.nodes]
        retry = Retry(NoBackoff(), CLUSTER_RETRIES)
        return cast("redis.Redis", _Cluster(startup_nodes=nodes, retry=retry, **options))
    make = redis.sentinel.Sentinel
    sentinel = make(where.nodes, sentinel_kwargs=_sentinel_options(Retry(NoBackoff(), 0)))
    return cast("redis.Redis", sentinel.master_for(where.service, **options))


class CacheConnections(ConnectionFactory):  # type: ignore[misc]
    """Gives Django's cache the shared blocking client."""

    def connect(self, url: str) -> Any:
        return sync_redis()

    def disconnect(self, connection: Any) -> None:
        """Others use it too."""


# --- what answers --------------------------------------------------------------------------------


def must_be_of_its_kind() -> None:
    """Raises WrongKind when REDIS_URL names a node of a cluster, or a Sentinel, as if it were a
    server of its own: some commands would work, and others would not."""
    if address().kind is not Kind.SERVER:
        return  # these clients refuse other servers themselves
    info = sync_redis().info("server")
    mode = info.get("redis_mode", info.get("server_mode"))  # Redis; Valkey
    if mode == "cluster":
        raise WrongKind(
            "REDIS_URL names a node of a Redis Cluster: write redis+cluster://host,host."
        )
    if mode == "sentinel":
        raise WrongKind("REDIS_URL names a Sentinel: write redis+sentinel://host,host/service.")


def servers_info() -> list[dict[str, Any]]:
    """INFO of the server, or of each primary of a cluster."""
    client = sync_redis()
    if isinstance(client, redis.cluster.RedisCluster):
        found = cast("Any", client).info(target_nodes=client.get_primaries())
        return list(found.values()) if len(client.get_primaries()) > 1 else [found]
    return [client.info()]


def describe() -> str:
    """The kind of Redis, and who serves, for `doctor`."""
    client = sync_redis()
    if isinstance(client, redis.cluster.RedisCluster):
        primaries, replicas = len(client.get_primaries()), len(client.get_replicas())
        return f"cluster of {primaries} primaries and {replicas} replicas"
    if address().kind is Kind.SENTINEL:
        host, port = cast("Any", client.connection_pool).get_master_address()
        return f"primary {host}:{port} of Sentinel's {address().service}"
    return "one server"
