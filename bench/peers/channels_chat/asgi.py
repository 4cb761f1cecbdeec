"""The tutorial's asgi.py."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.peers.channels_chat.settings"
django_application = get_asgi_application()

from bench.peers.channels_chat.consumers import ChatConsumer  # noqa: E402 -- needs Django set up

urlpatterns: list[object] = []
websocket_urlpatterns = [re_path(r"ws/chat/(?P<room_name>\w+)/$", ChatConsumer.as_asgi())]

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": AllowedHostsOriginValidator(URLRouter(websocket_urlpatterns)),
    }
)
