"""Access, refresh and seed tokens (JWT, HS256), each tied to a device session by `sid`."""

import hashlib
from dataclasses import dataclass
from typing import Any

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts.models import DeviceSession
from imsystem.errors import NotAuthenticated
from imsystem.ids import is_identity


class SeedToken(Token):
    """For clients of the original system, which know no refresh (docs/compatibility.md)."""

    token_type = "seed"  # noqa: S105 -- a kind of token
    lifetime = api_settings.REFRESH_TOKEN_LIFETIME


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


def _new(token_class: type[Token], session: DeviceSession) -> Token:
    token = token_class()
    token["user_id"] = session.user_id
    token["sid"] = session.identity
    token["exp"] = min(token["exp"], session.expires_at // 1000)
    # A host whose clock is a second behind would refuse it as one from the future (F18).
    del token["iat"]
    return token


def make_tokens(session: DeviceSession) -> Tokens:
    """Returns a new pair; neither outlives the device session, which need not be stored yet. The
    refresh token becomes valid once the device session holds its refresh_hash."""
    refresh = _new(RefreshToken, session)
    return Tokens(str(_new(AccessToken, session)), str(refresh), _hash(refresh["jti"]))


def make_seed_token(session: DeviceSession) -> str:
    """Returns a token that is valid for the seed-compatible routes only."""
    return str(_new(SeedToken, session))


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
    """Returns the claims of a valid access token. Raises NotAuthenticated for anything else."""
    return _read(AccessToken, text)


def read_refresh(text: str) -> Claims:
    """Returns the claims of a valid refresh token, used or not. Raises NotAuthenticated for
    anything else."""
    return _read(RefreshToken, text)


def read_seed_token(text: str) -> Claims:
    """Returns the claims of a valid seed token. Raises NotAuthenticated for anything else."""
    return _read(SeedToken, text)
