"""/metrics: the numbers of all web processes (imsystem/ops/metrics.py) for Prometheus.

Several workers share a directory (`up` sets PROMETHEUS_MULTIPROC_DIR), and whichever answers tells
the numbers of all.
"""

import hmac
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from imsystem.errors import NotAuthenticated
from imsystem.http.problems import problem_response


def view(request: HttpRequest) -> HttpResponse:
    """Returns the numbers to a scraper with METRICS_TOKEN as bearer token, or to staff."""
    if not has_token(request):
        user: Any = request.user
        if not user.is_authenticated:
            return problem_response(NotAuthenticated())
        if not user.is_staff:
            raise Http404
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def exposition() -> bytes:
    """The numbers of all workers in Prometheus' text format."""
    return generate_latest(_registry())


def has_token(request: HttpRequest) -> bool:
    """Whether the request carries METRICS_TOKEN. Always False when none is set."""
    given = request.headers.get("Authorization", "").encode()
    wanted = f"Bearer {settings.METRICS_TOKEN}".encode()
    return bool(settings.METRICS_TOKEN) and hmac.compare_digest(given, wanted)


def _registry() -> CollectorRegistry:
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if directory is None:
        return REGISTRY
    _forget_the_dead(Path(directory))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _forget_the_dead(directory: Path) -> None:
    """A killed worker has no sockets any more; what it counted stays counted."""
    for path in directory.glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]
        except PermissionError:
            continue
