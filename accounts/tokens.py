"""Access and refresh tokens (JWT, HS256), each tied to a device session by its `sid` claim."""

import hashlib
from dataclasses import dataclass
from typing import Any

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from imsystem.errors import NotAuthenticated
from imsystem.ids import is_identity


@dataclass(frozen=True)
class Tokens:
    """A pair for one client. `refresh_hash` is what the device session keeps of the second."""

    access: str
    refresh: str
    refresh_hash: str


@dataclass(frozen=True)
class Claims:
    """What a valid token says."""

    user_identity: str
    session_identity: str
    token_hash: str
    expires_at_ms: int


def _hash(jti: str) -> str:
    # Token ids are 122 random bits: a plain hash keeps them secret.
    return hashlib.sha256(jti.encode()).hexdigest()


def _new(token_class: type[Token], user_identity: str, session_identity: str) -> Token:
    token = token_class()
    token["user_id"] = user_identity
    token["sid"] = session_identity
    return token


def make_tokens(*, user_identity: str, session_identity: str) -> Tokens:
    """A new pair. It is worth something once the device session holds its refresh_hash."""
    access = _new(AccessToken, user_identity, session_identity)
    refresh = _new(RefreshToken, user_identity, session_identity)
    return Tokens(str(access), str(refresh), _hash(refresh["jti"]))


def _read(token_class: type[Token], text: str) -> Claims:
    try:
        # The stubs ask for a Token where the library takes the encoded text.
        payload: dict[str, Any] = token_class(text).payload  # type: ignore[arg-type]
    except (TokenError, ValueError):
        raise NotAuthenticated from None
    user_identity, session_identity = payload.get("user_id"), payload.get("sid")
    if not (is_identity(user_identity) and is_identity(session_identity)):
        raise NotAuthenticated
    return Claims(
        str(user_identity), str(session_identity), _hash(str(payload["jti"])), payload["exp"] * 1000
    )


def read_access(text: str) -> Claims:
    """The claims of a valid access token; NotAuthenticated for anything else."""
    return _read(AccessToken, text)


def read_refresh(text: str) -> Claims:
    """The claims of a valid refresh token, used or not; NotAuthenticated for anything else."""
    return _read(RefreshToken, text)
