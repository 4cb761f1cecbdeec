"""Settings of the Channels chat. CHANNEL_LAYER: `core` or `pubsub`; REDIS_URL."""

import os

SECRET_KEY = "bench"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["channels", "bench.peers.channels_chat"]
ROOT_URLCONF = "bench.peers.channels_chat.asgi"
LAYERS = {
    "core": "channels_redis.core.RedisChannelLayer",
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": LAYERS[os.environ["CHANNEL_LAYER"]],
        "CONFIG": {"hosts": [os.environ["REDIS_URL"]]},
    },
}
USE_TZ = True
