"""Signing in and out: who proves to be whom, and the tokens they get."""

from dataclasses import dataclass

from django.contrib.auth.hashers import make_password

from accounts import sessions
from accounts.canonical import canonical_account
from accounts.errors import BadCredentials
from accounts.models import DeviceSession, User
from accounts.selectors import find_by_sign_in_name, session_in_force
from accounts.services.otp import check_otp
from accounts.tokens import Tokens, make_tokens, read_refresh
from accounts.validators import MAX_PASSWORD_LENGTH
from imsystem.errors import NotAuthenticated
from imsystem.limits import GrowingDelay, Limit

# Guesses at one account's password from one address: five at once, then after 30 s, 60 s, ... up
# to a quarter of an hour. Success starts the count anew.
PASSWORD_FAILURES = GrowingDelay("password", free=5, first_s=30, longest_s=900)
# Guesses from many addresses at one account, and from one address at many accounts. Neither ends
# a session; a person kept out by strangers sets a new password by code, which starts a new count.
FAILURES_PER_ACCOUNT = Limit("password-account", amount=100, window_s=86_400)
FAILURES_PER_IP = Limit("password-ip", amount=100, window_s=600)


@dataclass(frozen=True)
class SignIn:
    """A verified person; with tokens also the device session they belong to."""

    user: User
    session: DeviceSession | None = None
    access: str = ""
    refresh: str = ""


def check_credentials(*, account: str, password: str, ip: str, otp: str = "") -> User:
    """The active user with this account name or address, this password and, with two-factor
    authentication, this code.

    Raises BadCredentials for anything else, after the same work, and RateLimited after too many
    failures. Counts before it checks: parallel guesses do not slip through. Only who knows the
    password learns of the second factor, by OtpRequired or BadOtp.
    """
    user = find_by_sign_in_name(account)
    # When it was set is part of the key: a new password, set by code, starts a new count.
    who = f"{user.identity} {user.password_set_at}" if user else canonical_account(account)
    FAILURES_PER_ACCOUNT.check(who)
    FAILURES_PER_IP.check(ip)
    PASSWORD_FAILURES.take(who, ip)
    if not password_matches(user, password):
        FAILURES_PER_ACCOUNT.take(who)
        FAILURES_PER_IP.take(ip)
        raise BadCredentials
    PASSWORD_FAILURES.forgive(who, ip)
    assert user is not None  # noqa: S101 -- nobody's password never matches
    check_otp(user, otp)
    return user


def password_matches(user: User | None, password: str) -> bool:
    """Checks at the same cost for nobody, and for people who may not sign in."""
    if len(password) > MAX_PASSWORD_LENGTH:
        return False
    if user is None:
        make_password(password)
        return False
    return user.check_password(password) and user.is_active


def sign_in(
    *, account: str, password: str, ip: str, device: str, with_tokens: bool, otp: str = ""
) -> SignIn:
    """Verifies a person. With tokens, opens a device session for them; pages open a browser
    session instead (accounts.sessions.open_browser_session)."""
    user = check_credentials(account=account, password=password, ip=ip, otp=otp)
    return sign_in_user(user=user, ip=ip, device=device) if with_tokens else SignIn(user)


def sign_in_user(*, user: User, ip: str, device: str) -> SignIn:
    """A device session with tokens for a person who was just verified."""
    session = DeviceSession(user=user, device=device, ip=ip)
    tokens = make_tokens(session)
    session.refresh_hash = tokens.refresh_hash
    sessions.open_session(session)
    return SignIn(user, session, tokens.access, tokens.refresh)


def refresh(*, refresh: str) -> Tokens:
    """A new pair for a refresh token, which is used up by this.

    A token that was used before has been copied by somebody: the whole device session ends, for
    its owner and the thief alike.
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
    """Ends one device session. Doing it twice is no error."""
    sessions.revoke([session.identity])


def sign_out_by_token(*, refresh: str) -> None:
    """Ends the device session of a refresh token, used or not. Doing it twice is no error."""
    sessions.revoke([read_refresh(refresh).session_identity])
