"""/api/schema/: the OpenAPI document. It never changes while a process runs, so it is made once for
each format: anybody may ask for it, and making it takes a second."""

from hashlib import blake2b
from threading import Lock
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.utils import translation
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

_made: dict[str, bytes] = {}
_making = Lock()  # a crowd that comes after a restart waits for the first


class SchemaView(SpectacularAPIView):
    """The document as YAML or JSON, by the Accept header. Nothing else of a request counts, least
    of all who asks."""

    authentication_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        kind: str = request.accepted_renderer.media_type
        with _making:
            if kind not in _made:
                _made[kind] = _make(request)
        response = HttpResponse(_made[kind], content_type=kind)
        response["ETag"] = f'"{blake2b(_made[kind], digest_size=12).hexdigest()}"'
        response["Cache-Control"] = "no-cache"
        response["Vary"] = "Accept"
        return (
            get_conditional_response(request, etag=response["ETag"], response=response) or response
        )


def _make(request: Request) -> bytes:
    with translation.override("en"):
        schema = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
        made = request.accepted_renderer.render(schema, renderer_context={})
    return made.encode() if isinstance(made, str) else made
