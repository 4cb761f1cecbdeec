"""Who opens a socket: a ticket, a bearer header, or a browser's cookie from an allowed origin."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils import translation
from django.utils.http import is_same_domain
from django.utils.translation import get_language_from_request
from django.utils.translation import gettext_lazy as _

from accounts.authentication import bearer_token
from accounts.errors import BadCredentials
from accounts.models import DeviceSession, User
from accounts.sessions import browser_device_session, is_signed_in
from accounts.tickets import redeem_ticket
from accounts.tokens import read_access
from accounts.user_cache import session_in_force
from imsystem.errors import Forbidden, NotAuthenticated
from imsystem.outage import unavailable_on_outage
from imsystem.realtime.sockets import SocketUser
from imsystem.threads import run_in_thread


class BadOrigin(Forbidden):
    """A page of another site tries to use the browser's cookie."""

    code = "bad_origin"
    default_detail = _("Connections from this origin are not allowed.")


class BadRenewal(Forbidden):
    """The token is not a valid access token of the socket's own device session."""

    default_detail = _("This token cannot renew this connection.")


async def authenticate(scope: dict[str, Any]) -> SocketUser:
    """Raises BadOrigin, NotAuthenticated, or Unavailable when a database does not answer.

    Tickets and tokens name their device session. Whether that is still valid has to be asked
    separately (`owner_of`).
    """
    with _refusals():
        request = _request(scope)
        if _shows_token(request):
            return _authenticate(request)  # asks no database; a thread would take longer to start
    return await run_in_thread(_authenticate, request)


def _shows_token(request: HttpRequest) -> bool:
    """As `_shown` will see it: an encoded name (`%74icket`) means a ticket, too."""
    return "ticket" not in request.GET and "HTTP_AUTHORIZATION" in request.META


@contextmanager
def _refusals() -> Iterator[None]:
    """Whatever is wrong with what a client shows, it is not signed in."""
    try:
        yield
    except (SuspiciousOperation, UnicodeDecodeError, BadCredentials):
        raise NotAuthenticated from None


async def owner_of(user: SocketUser) -> User:
    """Returns the user at the other end. Raises NotAuthenticated when they or their device session
    are no longer valid. Called as soon as the socket would hear of their end."""
    session = await session_in_force(
        user_identity=user.user_identity, session_identity=user.session_identity
    )
    if session is None:
        raise NotAuthenticated
    return session.user


async def renew(user: SocketUser, token: str) -> int:
    """Returns until when (Unix ms) the socket is valid with this access token, which may be sooner
    than it was without. Raises BadRenewal, or Unavailable when a database does not answer.

    Only tokens of its own device session: revoking that must end the socket, always.
    """
    try:
        claims = read_access(token)
        if (claims.user_identity, claims.session_identity) != (
            user.user_identity,
            user.session_identity,
        ):
            raise NotAuthenticated
        with unavailable_on_outage():
            await owner_of(user)
    except NotAuthenticated:
        raise BadRenewal from None
    return claims.expires_at_ms


def _authenticate(request: HttpRequest) -> SocketUser:
    with _refusals():
        chinese = get_language_from_request(request) == "zh-hans"
        language = "zh-hans" if chinese else "en"
        with unavailable_on_outage(), translation.override(language):
            user, session, expires_at_ms = _shown(request)
    return SocketUser(user, session, language, expires_at_ms)


def _request(scope: dict[str, Any]) -> HttpRequest:
    """Returns the handshake as a Django request: host checks, cookies and languages as on the
    pages."""
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    request: HttpRequest = ASGIRequest({**scope, "method": "GET", "scheme": scheme}, io.BytesIO())
    return request


def _shown(request: HttpRequest) -> tuple[str, str, int]:
    """Whose socket this is: the user, their device session, and until when it is valid (Unix
    ms)."""
    text, header = request.GET.get("ticket"), request.META.get("HTTP_AUTHORIZATION")
    if text is not None:
        ticket = redeem_ticket(text)
        if ticket is None:
            raise NotAuthenticated
        return ticket.user_identity, ticket.session_identity, ticket.expires_at_ms
    if header is not None:
        claims = read_access(bearer_token(header.encode("latin-1")))
        return claims.user_identity, claims.session_identity, claims.expires_at_ms
    session = _by_cookie(request)
    return session.user_id, session.identity, session.expires_at


def _by_cookie(request: HttpRequest) -> DeviceSession:
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if key is None:
        raise NotAuthenticated
    if not _origin_allowed(request):
        raise BadOrigin
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    session = browser_device_session(request) if is_signed_in(request.session) else None
    if session is None:
        raise NotAuthenticated
    if request.session.modified:
        request.session.save()
    return session


def _origin_allowed(request: HttpRequest) -> bool:
    """Returns whether the page's origin is this server's own, or one that CSRF_TRUSTED_ORIGINS
    names.

    Browsers send cookies with any site's WebSocket, and no CSRF token: this takes its place. A Host
    header that is not in ALLOWED_HOSTS is nobody's own.
    """
    origin = request.headers.get("Origin", "")
    try:
        if origin == f"{request.scheme}://{request.get_host()}":
            return True
    except DisallowedHost:
        return False
    return any(_matches(origin, trusted) for trusted in settings.CSRF_TRUSTED_ORIGINS)


def _matches(origin: str, trusted: str) -> bool:
    """Compares exactly, except that `https://*.example.org` stands for all its subdomains."""
    if "*" not in trusted:
        return origin == trusted
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    scheme, _separator, pattern = trusted.partition("://")
    return parts.scheme == scheme and is_same_domain(parts.netloc, pattern.lstrip("*"))
