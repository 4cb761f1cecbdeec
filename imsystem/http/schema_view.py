"""/api/schema/: the OpenAPI document. It never changes while a process runs, so it is made once for
each format: anybody may ask for it, and making it takes a second."""

from functools import cache
from hashlib import blake2b
from threading import Lock
from typing import Any, NamedTuple

from django.http import HttpResponse, HttpResponseBase
from django.utils import translation
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

from imsystem.budgets import Budget
from imsystem.env import Rate
from imsystem.realtime.admission import in_force
from imsystem.sources import source_of

# For each source. Sending it takes 5 ms of the process, and clients need it once.
FETCHES = Rate(60, 60)


class _Document(NamedTuple):
    content: bytes
    etag: str


_made: dict[str, _Document] = {}
_making = Lock()  # a crowd that comes after a restart waits for the first


class SchemaView(SpectacularAPIView):
    """The document as YAML or JSON, by the Accept header. Nothing else of a request counts, least
    of all who asks."""

    authentication_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        kind: str = request.accepted_renderer.media_type
        _count(request)
        with _making:
            if kind not in _made:
                _made[kind] = _make(request)
        document = _made[kind]
        response = HttpResponse(document.content, content_type=kind)
        response["ETag"] = document.etag
        response["Cache-Control"] = "no-cache"
        response["Vary"] = "Accept"
        return (
            get_conditional_response(request, etag=response["ETag"], response=response) or response
        )


@cache
def _fetches(rate: Rate) -> Budget:
    return Budget(rate)


def _count(request: Request) -> None:
    """Raises RateLimited for a source that asks for it again and again."""
    source, budget = source_of(request.META.get("REMOTE_ADDR", "")), _fetches(in_force(FETCHES))
    budget.check(source)
    budget.spend(source, 1)


def _make(request: Request) -> _Document:
    with translation.override("en"):
        schema = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
        made = request.accepted_renderer.render(schema, renderer_context={})
    content = made.encode() if isinstance(made, str) else made
    return _Document(content, f'"{blake2b(content, digest_size=12).hexdigest()}"')
