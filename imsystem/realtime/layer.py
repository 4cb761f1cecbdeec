"""The channel layer: that of channels_redis, with the installation's name in all its channels.

Redis' pub/sub knows no databases: the number at the end of REDIS_URL keeps nobody apart. On a
cluster it is sharded pub/sub, whose node refuses to publish when it has lost the others; with plain
pub/sub both halves of a cluster that has come apart would each seem to work.
"""

import asyncio
from typing import Any

import redis.asyncio
from channels_redis.pubsub import RedisPubSubChannelLayer, RedisSingleShardConnection
from django.conf import settings

from imsystem.redis import address, async_client, key
from imsystem.redis_url import Kind


class ChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    def _get_layer(self) -> Any:
        new = asyncio.get_running_loop() not in self._layers
        if new:
            # In braces: all channels are kept by the same node of a cluster.
            self._kwargs["prefix"] = key("{live}", "")
        layer = super()._get_layer()
        if new:
            layer._shards = [Shard(None, layer)]
        return layer


class Shard(RedisSingleShardConnection):  # type: ignore[misc]
    """The connections of a layer, made from REDIS_URL."""

    _redis: Any
    _pubsub: Any

    def _ensure_redis(self) -> None:
        if self._redis is None:
            # No deadline for answers: a subscriber waits for as long as nobody says anything.
            options = {"socket_connect_timeout": settings.REDIS_TIMEOUT_S}
            cluster = address().kind is Kind.CLUSTER
            self._redis = ShardedPubSub(options) if cluster else async_client(**options)
            self._pubsub = self._redis.pubsub()


class ShardedPubSub:
    """A cluster as a channel layer uses it. When the node of the channels goes or changes, nothing
    is heard any more; the hub notices that and subscribes anew (`Hub._rejoin`)."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._cluster: Any = async_client(**options)
        self._node: redis.asyncio.Redis | None = None
        self._subscriber: Any = None

    def pubsub(self) -> "ShardedPubSub":
        return self

    @property
    def subscribed(self) -> bool:
        return self._subscriber is not None and bool(self._subscriber.subscribed)

    async def publish(self, channel: str, message: bytes) -> None:
        await self._cluster.spublish(channel, message)

    async def subscribe(self, channel: str) -> None:
        if self._subscriber is None:
            await self._cluster.initialize()
            node = self._cluster.get_node_from_key(channel)
            options = {**address().options, **self._options, "ssl": address().tls}
            self._node = redis.asyncio.Redis(host=node.host, port=node.port, **options)
            self._subscriber = self._node.pubsub()
        await self._subscriber.ssubscribe(channel)

    async def unsubscribe(self, channel: str) -> None:
        if self._subscriber is not None:
            await self._subscriber.sunsubscribe(channel)

    async def get_message(self, **options: Any) -> Any:
        return await self._subscriber.get_message(**options)

    async def aclose(self, close_connection_pool: bool = True) -> None:
        if self._node is not None:
            await self._subscriber.aclose()
            await self._node.aclose(close_connection_pool)
        await self._cluster.aclose()
