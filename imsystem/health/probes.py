"""/healthz: this process answers. /readyz: MongoDB and Redis answer too, and Redis takes writes.

Load balancers, container engines and Prometheus ask by address, so these routes and /metrics answer
whatever the Host header says: `ProbesMiddleware` stands before what looks at it.
"""

import asyncio
from collections.abc import Awaitable, Callable

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import resolve

from imsystem.health import exposition
from imsystem.loops import run_on_loop
from imsystem.mongo.clients import database
from imsystem.redis import async_redis, key

CHECK_TIMEOUT_S = 2.0
# Gone by itself; a Redis that is full, read-only or short of replicas refuses to take it.
PROBE_KEPT_S = 10

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def live(request: HttpRequest) -> JsonResponse:
    """200 as long as the process serves."""
    return JsonResponse({"status": "ok"})


async def _ping_mongo() -> None:
    await database().command("ping")


async def _write_redis() -> None:
    await async_redis().set(key("ready"), "1", ex=PROBE_KEPT_S)


async def _state(check: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except Exception:  # whatever it is, the part is not ready
        return "unavailable"
    return "ok"


async def _states() -> tuple[str, str]:
    return await asyncio.gather(_state(_ping_mongo), _state(_write_redis))


def ready(request: HttpRequest) -> JsonResponse:
    """Returns 200 {status, mongodb, redis} when both are fit within two seconds, otherwise 503."""
    mongodb, redis = run_on_loop(_states())
    all_ok = mongodb == redis == "ok"
    body = {"status": "ok" if all_ok else "unavailable", "mongodb": mongodb, "redis": redis}
    return JsonResponse(body, status=200 if all_ok else 503)


_PROBES: dict[str, Callable[[HttpRequest], HttpResponseBase]] = {
    "/healthz": live,
    "/api/v1/health/live/": live,
    "/readyz": ready,
    "/api/v1/health/ready/": ready,
}


class ProbesMiddleware:
    """Answers the probes before the Host header, cookies or HTTPS are looked at."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = _PROBES.get(request.path)
        if request.path == "/metrics" and exposition.has_token(request):
            probe = exposition.view
        if probe is None:
            return self.get_response(request)
        request.resolver_match = resolve(request.path)  # for the label of MetricsMiddleware
        return probe(request)
