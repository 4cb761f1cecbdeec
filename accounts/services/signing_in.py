"""Signing in and out: proof of who a user is, and the tokens they get."""

from dataclasses import dataclass

from django.contrib.auth.hashers import make_password

from accounts import sessions
from accounts.errors import BadCredentials
from accounts.models import DeviceSession, User
from accounts.selectors import find_by_sign_in_name, session_in_force
from accounts.services.attempts import password_tries
from accounts.services.otp import check_otp
from accounts.tokens import Tokens, make_tokens, read_refresh
from accounts.validators import MAX_PASSWORD_LENGTH
from imsystem.errors import NotAuthenticated
from imsystem.text import same_password


@dataclass(frozen=True)
class SignIn:
    """A verified user; with tokens also the device session they belong to."""

    user: User
    session: DeviceSession | None = None
    access: str = ""
    refresh: str = ""


def check_credentials(
    *, account: str, password: str, ip: str, device_token: str = "", otp: str = ""
) -> User:
    """Returns the active user with this username or address, this password and, with two-factor
    authentication, this code. `device_token` is the cookie of accounts.trusted_devices.

    Raises BadCredentials for anything else, after the same work, and RateLimited after too many
    failures (accounts.services.attempts). Only somebody who knows the password learns of the second
    factor, by OtpRequired or BadOtp.
    """
    user = find_by_sign_in_name(account)
    tries = password_tries(account, user, ip=ip, device_token=device_token)
    tries.take()
    if not password_matches(user, password):
        raise BadCredentials
    tries.forgive()
    assert user is not None  # noqa: S101 -- nobody's password never matches
    check_otp(user, otp, ip=ip, device_token=device_token)
    return user


def password_matches(user: User | None, password: str) -> bool:
    """Checks at the same cost for unknown users, and for users who may not sign in."""
    if len(password) > MAX_PASSWORD_LENGTH:
        return False
    if user is None:
        for typed in {password, same_password(password)}:  # as many as for a known user
            make_password(typed)
        return False
    return user.check_password(password) and user.is_active


def sign_in(
    *,
    account: str,
    password: str,
    ip: str,
    device: str,
    with_tokens: bool,
    device_token: str = "",
    otp: str = "",
) -> SignIn:
    """Verifies a user. With tokens, opens a device session for them; pages open a browser session
    instead (accounts.sessions.open_browser_session)."""
    user = check_credentials(
        account=account, password=password, ip=ip, device_token=device_token, otp=otp
    )
    return sign_in_user(user=user, ip=ip, device=device) if with_tokens else SignIn(user)


def sign_in_user(*, user: User, ip: str, device: str) -> SignIn:
    """Opens a device session with tokens for a user who was just verified."""
    session = DeviceSession(user=user, device=device, ip=ip)
    tokens = make_tokens(session)
    session.refresh_hash = tokens.refresh_hash
    sessions.open_session(session)
    return SignIn(user, session, tokens.access, tokens.refresh)


def refresh(*, refresh: str) -> Tokens:
    """Returns a new pair for a refresh token, which is used up by this.

    A token that was used before has been copied by somebody: the whole device session ends, for its
    owner and the thief alike.
    """
    claims = read_refresh(refresh)
    session = session_in_force(
        user_identity=claims.user_identity, session_identity=claims.session_identity
    )
    if session is None:
        raise NotAuthenticated
    tokens = make_tokens(session)
    if not sessions.rotate(session, used=claims.token_hash, new=tokens.refresh_hash):
        sessions.revoke([session.identity])
        raise NotAuthenticated
    return tokens


def sign_out(*, session: DeviceSession) -> None:
    """Ends one device session. Doing it twice is not an error."""
    sessions.revoke([session.identity])


def sign_out_by_token(*, refresh: str) -> None:
    """Ends the device session of a refresh token, used or not. Doing it twice is not an error."""
    sessions.revoke([read_refresh(refresh).session_identity])
