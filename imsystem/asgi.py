"""The ASGI application: HTTP to Django, /ws/ to the chat socket, two paths to the original's."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

import django
from django.conf import settings

from imsystem.ops import stdio

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imsystem.settings")
stdio.install()
django.setup(set_prefix=False)

from chat.compat.socket import SOCKET_PATHS, SeedConsumer  # noqa: E402
from chat.consumer import ChatConsumer  # noqa: E402
from imsystem import installation  # noqa: E402
from imsystem.http.asgi_handler import SyncHandler  # noqa: E402
from imsystem.http.body_limit import within_limit  # noqa: E402
from imsystem.http.identified import identify, refuse_handshake, telling  # noqa: E402
from imsystem.http.refusals import slowly  # noqa: E402
from imsystem.jobs.runner import start_runner, stop_runner  # noqa: E402
from imsystem.loops import adopt_running_loop  # noqa: E402
from imsystem.realtime import endpoint  # noqa: E402
from imsystem.sources import source_of_client  # noqa: E402
from imsystem.threads import run_in_thread  # noqa: E402

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

django_application = SyncHandler()
chat_application = ChatConsumer.as_asgi()
seed_application = SeedConsumer.as_asgi()


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Routes by protocol. An unknown socket path is refused with 403 before the handshake."""
    adopt_running_loop()
    start_runner()
    if scope["type"] in ("http", "websocket"):
        request_id = identify(scope)
    if scope["type"] == "http":
        unhurried = slowly(telling(send, request_id), source_of_client(scope.get("client")))
        await within_limit(django_application, scope, receive, unhurried)
    elif scope["type"] == "websocket" and scope["path"] == endpoint.PATH:
        await chat_application(scope, receive, send)
    elif scope["type"] == "websocket" and settings.SEED_ROUTES and scope["path"] in SOCKET_PATHS:
        await seed_application(scope, receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await refuse_handshake(scope, send, 403)
    elif scope["type"] == "lifespan":
        await _live(receive, send)
    else:
        raise ValueError(f"unknown scope {scope['type']}")


async def _live(receive: Receive, send: Send) -> None:
    """Starts and ends background work with servers that speak the lifespan protocol (Daphne does
    not): jobs may be waiting from before a restart, and running ones may finish."""
    await receive()
    await run_in_thread(installation.learn)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await stop_runner()
    await send({"type": "lifespan.shutdown.complete"})
