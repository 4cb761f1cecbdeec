"""What every answer carries, and what happens to a request that came without HTTPS.

The strict content security policy is django-csp's, HSTS and the like are Django's (settings.py).
docs/security.md says why each is there.
"""

import io
import logging
import re
from collections.abc import Callable

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.utils.translation import gettext_lazy as _

from imsystem.errors import BadRequest, Forbidden
from imsystem.http.middleware import app_error_response

logger = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponseBase]

CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Powerful features of browsers that no page here uses, so no script that gets into one may either.
UNUSED_FEATURES = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid"),
    *("magnetometer", "microphone", "midi", "payment", "serial", "usb", "xr-spatial-tracking"),
)
HEADERS = {
    # Answers are for their caller. Files and pictures, which may be cached, say so themselves.
    "Cache-Control": "no-store, private",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES),
}


class HeadersMiddleware:
    """Gives each answer the HEADERS that its view has not set."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class HttpsRequired(Forbidden):
    """A call of the API without HTTPS. A redirect would hide that the token was sent in the
    clear."""

    code = "https_required"
    default_detail = _("Use https:// for this address.")


class UnknownProxy(BadRequest):
    """A proxy that is not in TRUSTED_PROXIES ended HTTPS; a redirect would loop for ever.

    A client that sends the header without a proxy gets this too.
    """

    code = "unknown_proxy"
    default_detail = _(
        "The server does not trust the proxy in front of it. Its log says what to do."
    )


class GateMiddleware(SecurityMiddleware):
    """Refuses what no view should see: requests that a proxy may have read differently, and
    requests without HTTPS where Django's own middleware, the next one, would not help with a
    redirect.

    Its answers do not pass the next one, hence the inheritance: the same headers.
    """

    _warned = False

    # The stubs know of redirects only.
    def process_request(self, request: HttpRequest) -> HttpResponse | None:  # type: ignore[override]
        if _is_ambiguous(request):
            response = app_error_response(request, BadRequest())
            response["Connection"] = "close"  # what follows may be a part of this request
            return response
        _note_length(request)
        if not self.redirect or request.is_secure() or self._is_exempt(request):
            return None
        if request.headers.get("X-Forwarded-Proto", "").lower().startswith("https"):
            self._warn_once(request)
            return app_error_response(request, UnknownProxy())
        if request.path.startswith("/api/"):
            return app_error_response(request, HttpsRequired())
        return None

    def _is_exempt(self, request: HttpRequest) -> bool:
        path = request.path.lstrip("/")
        return any(pattern.search(path) for pattern in self.redirect_exempt)

    def _warn_once(self, request: HttpRequest) -> None:
        """Anybody can send the header: one line for each process, not for each request."""
        if not self._warned:
            self._warned = True
            logger.warning(
                "%s says X-Forwarded-Proto: https and is not in TRUSTED_PROXIES. "
                "If it is your proxy, name it there (docs/security.md).",
                request.META.get("REMOTE_ADDR", ""),
            )


def _is_ambiguous(request: HttpRequest) -> bool:
    """An address that is not a path, two lengths, or control characters in a header (h11 lets all
    of them pass except NUL, VT, FF, CR and LF; the list of CVE-2026-44546 is longer)."""
    return (
        not request.path.startswith("/")
        or ("Content-Length" in request.headers and "Transfer-Encoding" in request.headers)
        or any(CONTROL.search(value) for value in request.headers.values())
    )


def _note_length(request: HttpRequest) -> None:
    """A body that came in chunks has been received by now, but Django notes no length for it: the
    REST framework would think there is no body, and no limit would apply."""
    if isinstance(request, ASGIRequest) and "Transfer-Encoding" in request.headers:
        received = request._stream
        request.META["CONTENT_LENGTH"] = str(received.seek(0, io.SEEK_END))
        received.seek(0)


class NoticeStorage(CookieStorage):
    """The notice for the next page ("Saved.") in a cookie that is named like the others."""

    cookie_name = f"{settings.COOKIE_PREFIX}messages"
