"""Who asks: the `token` header, over HTTP and in the socket's handshake alike."""

from typing import Any

from django.http import HttpRequest

from accounts.authentication import session_of
from accounts.models import User
from accounts.services import SignIn
from accounts.sessions import touch
from accounts.tokens import make_seed_token, read_seed_token
from imsystem.errors import NotAuthenticated
from imsystem.outage import unavailable_on_outage
from imsystem.realtime.sockets import SocketUser
from imsystem.threads import run_in_thread


def token_data(signed_in: SignIn) -> dict[str, str]:
    """{"token": ...} for a person who signed in with a device session."""
    assert signed_in.session is not None  # noqa: S101 -- the callers ask for one
    return {"token": make_seed_token(signed_in.session)}


def user_of(request: HttpRequest) -> User:
    """The person whose token the request carries; NotAuthenticated without a good one."""
    session = session_of(read_seed_token(request.headers.get("token", "")))
    touch(session)  # there is no refresh to show that the device is in use
    return session.user


async def authenticate(scope: dict[str, Any]) -> SocketUser:
    """Who opens the socket. Raises NotAuthenticated, or Unavailable in an outage.

    Needs no look at the Origin: a browser's WebSocket cannot send a header of a page's choice.
    """
    return await run_in_thread(_authenticate, scope)


def _authenticate(scope: dict[str, Any]) -> SocketUser:
    tokens = [value for name, value in scope["headers"] if name == b"token"]
    if len(tokens) != 1:
        raise NotAuthenticated
    with unavailable_on_outage():
        claims = read_seed_token(tokens[0].decode("latin-1"))
        session = session_of(claims)
    return SocketUser(session.user_id, session.identity, "zh-hans", claims.expires_at_ms)
