"""Who calls the API: the bearer of an access token, or a browser with its cookie."""

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import (
    BaseAuthentication,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.request import Request

from accounts.models import DeviceSession, User
from accounts.selectors import session_in_force
from accounts.sessions import current_session
from accounts.tokens import Claims, read_access
from imsystem.errors import NotAuthenticated, OtherUser


def bearer_token(header: bytes) -> str:
    """Returns the token of an Authorization header. Raises NotAuthenticated for any other form."""
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"bearer" or not token or b" " in token or not token.isascii():
        raise NotAuthenticated
    return token.decode("ascii")


def session_of(claims: Claims) -> DeviceSession:
    """Returns the live device session of a token's claims, with its active user. Raises
    NotAuthenticated."""
    session = session_in_force(
        user_identity=claims.user_identity, session_identity=claims.session_identity
    )
    if session is None:
        raise NotAuthenticated
    return session


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`. An invalid header is refused, not ignored."""

    def authenticate(self, request: Request) -> tuple[User, DeviceSession] | None:
        header = get_authorization_header(request)
        if not header:
            return None
        claims = read_access(bearer_token(header))
        session = session_of(claims)
        request.expires_at_ms = claims.expires_at_ms  # type: ignore[attr-defined]
        return session.user, session

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


# A page names the user it was made for. Tabs share the cookie, so another tab may have signed in as
# somebody else since, and nothing may be read or sent in that user's name.
FOR_USER = "X-Expected-User"


class CookieAuthentication(SessionAuthentication):
    """The pages' own requests: the session cookie, and Django's CSRF token for every change."""

    def authenticate(self, request: Request) -> tuple[User, DeviceSession] | None:
        session = current_session(request._request)
        if session is None:
            return None
        if request.headers.get(FOR_USER, session.user_id) != session.user_id:
            raise OtherUser
        self.enforce_csrf(request)
        request.expires_at_ms = session.expires_at  # type: ignore[attr-defined]
        return session.user, session


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class CookieScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = CookieAuthentication
    name = "cookie"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
