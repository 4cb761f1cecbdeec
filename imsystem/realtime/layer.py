"""The channel layer: that of channels_redis, with the installation's name in all its channels.

Redis' pub/sub knows no databases: the number at the end of REDIS_URL keeps nobody apart.
"""

import asyncio
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer

from imsystem.redis import key


class ChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    def _get_layer(self) -> Any:
        if asyncio.get_running_loop() not in self._layers:
            self._kwargs["prefix"] = key("{live}", "")
        return super()._get_layer()
