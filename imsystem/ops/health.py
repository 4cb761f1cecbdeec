"""/healthz: this process answers. /readyz: so do MongoDB and Redis."""

import asyncio
from collections.abc import Awaitable, Callable

from django.http import HttpRequest, JsonResponse

from imsystem.loops import run_on_loop
from imsystem.mongo.clients import collection
from imsystem.redis import async_redis

CHECK_TIMEOUT_S = 2.0


def live(request: HttpRequest) -> JsonResponse:
    """200 as long as the process serves."""
    return JsonResponse({"status": "ok"})


async def _ping_mongo() -> None:
    await collection("user_basic").database.command("ping")


async def _ping_redis() -> None:
    await async_redis().ping()


async def _state(check: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except Exception:  # whatever it is, the part is not ready
        return "unavailable"
    return "ok"


async def _states() -> tuple[str, str]:
    return await asyncio.gather(_state(_ping_mongo), _state(_ping_redis))


def ready(request: HttpRequest) -> JsonResponse:
    """200 {status, mongodb, redis} when both answer within two seconds, else 503."""
    mongodb, redis = run_on_loop(_states())
    all_ok = mongodb == redis == "ok"
    body = {"status": "ok" if all_ok else "unavailable", "mongodb": mongodb, "redis": redis}
    return JsonResponse(body, status=200 if all_ok else 503)
