"""What people do with their accounts. API, pages and admin call these, and only these, to write."""

import logging
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from accounts import codes, mails, sessions
from accounts.canonical import canonical_account, valid_account, valid_email
from accounts.codes import Purpose
from accounts.errors import BadCredentials
from accounts.models import DeviceSession, Sex, User
from accounts.policies import check_password_rules, valid_nickname
from accounts.selectors import active_user, find_by_sign_in_name, live_sessions_of
from accounts.tokens import Tokens, make_tokens, read_refresh
from accounts.validators import MAX_PASSWORD_LENGTH
from imsystem.errors import BadRequest, NotAuthenticated, NotFound, Unavailable
from imsystem.ids import is_identity, new_identity
from imsystem.limits import Limit

logger = logging.getLogger(__name__)

# Guesses at one account's password from one address. Success starts the count anew.
PASSWORD_FAILURES = Limit("password", amount=10, window_s=300)
# With five tries each, a hundred guesses a day at one address: 1 in 10,000.
CODES_PER_ADDRESS = Limit("codes-address", amount=20, window_s=86_400)
CODES_PER_IP = Limit("codes-ip", amount=300, window_s=3_600)


@dataclass(frozen=True)
class SentCode:
    """How long the code is good, and when another may be asked for, in seconds."""

    expires_in: int
    retry_after: int


@dataclass(frozen=True)
class SignIn:
    """A verified person; with tokens also the device session they belong to."""

    user: User
    session: DeviceSession | None = None
    access: str = ""
    refresh: str = ""


# --- codes ----------------------------------------------------------------------------------


def send_code(*, email: str, purpose: Purpose, ip: str) -> SentCode:
    """Mails a code. Same answer and same work whether or not the address has an account.

    Whom the code would not help gets a mail that says so instead, with no code in it.
    """
    email = valid_email(email)
    CODES_PER_IP.take(ip)
    codes.start_cooldown(purpose=purpose, email=email)
    CODES_PER_ADDRESS.take(email)
    user = find_by_sign_in_name(email)
    code = codes.issue(purpose=purpose, email=email)
    try:
        _mail_code(to=email, purpose=purpose, code=code, user=user)
    except OSError as exc:  # SMTPException is one
        codes.forget(purpose=purpose, email=email)
        # Only its kind: its text may name the address.
        logger.error("a mail could not be handed over: %s", type(exc).__name__)
        raise Unavailable from exc
    return SentCode(expires_in=settings.CODE_TTL_S, retry_after=settings.CODE_COOLDOWN_S)


def _mail_code(*, to: str, purpose: Purpose, code: str, user: User | None) -> None:
    if purpose is Purpose.RESET and (user is None or not user.is_active):
        mails.send_no_account(to=to)
    elif purpose is not Purpose.RESET and user is not None:
        mails.send_account_exists(to=to)
    else:
        mails.send_code(to=to, purpose=purpose, code=code)


# --- becoming a user ------------------------------------------------------------------------


def register(*, account: str, password: str, email: str, code: str, nickname: str = "") -> User:
    """Creates an account for the owner of `email`. Raises BadRequest, and changes nothing, else.

    Whether the address has an account already is told only to who has its code.
    """
    account, email, nickname = _valid_names(account, email, nickname)
    check_password_rules(password, User(account=account, email=email))
    if User.objects.filter(account=account).exists():
        raise _taken(account)
    with codes.consumed(purpose=Purpose.REGISTER, email=email, code=code):
        return create_user(account=account, email=email, nickname=nickname, password=password)


def add_user(*, account: str, email: str, nickname: str = "", password: str | None = None) -> User:
    """Creates an account on an administrator's word: the rules of `register`, without a code.

    Without a password its owner sets one by code ("forgotten password").
    """
    account, email, nickname = _valid_names(account, email, nickname)
    if password is not None:
        check_password_rules(password, User(account=account, email=email))
    return create_user(account=account, email=email, nickname=nickname, password=password)


def _valid_names(account: str, email: str, nickname: str) -> tuple[str, str, str]:
    """Canonical and checked; who gives no nickname is called by the account name."""
    account, email = valid_account(account), valid_email(email)
    return account, email, valid_nickname(nickname) if nickname.strip() else account


def create_user(*, account: str, email: str, nickname: str, password: str | None) -> User:
    """Inserts a user from canonical, checked values; None is a password nobody can give.

    Raises BadRequest when another user has the account name or the address.
    """
    user = User(account=account, email=email, nickname=nickname)
    user.set_password(password)
    try:
        user.save(force_insert=True)
    except IntegrityError:
        raise _taken(account) from None
    return user


def _taken(account: str) -> BadRequest:
    if User.objects.filter(account=account).exists():
        return BadRequest(errors={"account": [_("This account name is taken.")]})
    return BadRequest(errors={"email": [_("This address has an account already.")]})


# --- signing in and out ---------------------------------------------------------------------


def check_credentials(*, account: str, password: str, ip: str) -> User:
    """The active user with this account name or address, and this password.

    Raises BadCredentials for anything else, after the same work, and RateLimited after too many
    failures. Counts before it checks: parallel guesses do not slip through.
    """
    user = find_by_sign_in_name(account)
    # The hash is part of the key: a new password, set by code, starts a new count.
    who = f"{user.identity} {user.password}" if user else canonical_account(account)
    PASSWORD_FAILURES.take(who, ip)
    if not _password_matches(user, password):
        raise BadCredentials
    PASSWORD_FAILURES.forgive(who, ip)
    assert user is not None  # noqa: S101 -- nobody's password never matches
    return user


def _password_matches(user: User | None, password: str) -> bool:
    """Checks at the same cost for nobody, and for people who may not sign in."""
    if len(password) > MAX_PASSWORD_LENGTH:
        return False
    if user is None:
        make_password(password)
        return False
    return user.check_password(password) and user.is_active


def sign_in(*, account: str, password: str, ip: str, device: str, with_tokens: bool) -> SignIn:
    """Verifies a person. With tokens, opens a device session for them; pages open a browser
    session instead (accounts.sessions.open_browser_session)."""
    user = check_credentials(account=account, password=password, ip=ip)
    return sign_in_user(user=user, ip=ip, device=device) if with_tokens else SignIn(user)


def sign_in_user(*, user: User, ip: str, device: str) -> SignIn:
    """A device session with tokens for a person who was just verified."""
    identity = new_identity()
    tokens = make_tokens(user_identity=user.identity, session_identity=identity)
    session = sessions.open_session(
        user=user, device=device, ip=ip, identity=identity, refresh_hash=tokens.refresh_hash
    )
    return SignIn(user, session, tokens.access, tokens.refresh)


def refresh(*, refresh: str) -> Tokens:
    """A new pair for a refresh token, which is used up by this.

    A token that was used before has been copied by somebody: the whole device session ends, for
    its owner and the thief alike.
    """
    claims = read_refresh(refresh)
    if active_user(claims.user_identity) is None:
        raise NotAuthenticated
    tokens = make_tokens(
        user_identity=claims.user_identity, session_identity=claims.session_identity
    )
    rotated = sessions.rotate(
        session_identity=claims.session_identity,
        user_identity=claims.user_identity,
        old_hash=claims.token_hash,
        new_hash=tokens.refresh_hash,
    )
    if not rotated:
        sessions.revoke([claims.session_identity])
        raise NotAuthenticated
    return tokens


def sign_out(*, session: DeviceSession) -> None:
    """Ends one device session. Doing it twice is no error."""
    sessions.revoke([session.identity])


def sign_out_by_token(*, refresh: str) -> None:
    """Ends the device session of a refresh token, used or not. Doing it twice is no error."""
    sessions.revoke([read_refresh(refresh).session_identity])


def revoke_session(*, user: User, session_identity: str) -> None:
    """Ends one of the user's own device sessions; NotFound for everybody else's."""
    own = live_sessions_of(user).filter(pk=session_identity)
    if not is_identity(session_identity) or not own.exists():
        raise NotFound
    sessions.revoke([session_identity])


def revoke_all(*, user: User, except_session: DeviceSession | None = None) -> None:
    """Ends all of the user's device sessions, or all but one."""
    live = set(live_sessions_of(user).values_list("pk", flat=True))
    sessions.revoke(live - {except_session.identity if except_session else ""})


# --- changing what one has ------------------------------------------------------------------


def reset_password(*, email: str, code: str, password: str) -> None:
    """Sets a new password for the owner of `email` and signs them out everywhere."""
    email = valid_email(email)
    check_password_rules(password, User(email=email))
    with codes.consumed(purpose=Purpose.RESET, email=email, code=code):
        user = User.objects.filter(email=email, is_active=True).first()
        if user is None:
            raise codes.bad_code()
        # Only now: before the code, this rule would tell which account the address belongs to.
        check_password_rules(password, user)
        _set_password(user, password)
        revoke_all(user=user)


def change_password(
    *, user: User, old_password: str, new_password: str, keep_session: DeviceSession | None
) -> None:
    """Sets a new password; signs out everywhere but in `keep_session`."""
    PASSWORD_FAILURES.take(user.identity, "change")
    if not _password_matches(user, old_password):
        raise BadRequest(errors={"old_password": [_("This is not your present password.")]})
    PASSWORD_FAILURES.forgive(user.identity, "change")
    check_password_rules(new_password, user, field="new_password")
    _set_password(user, new_password)
    revoke_all(user=user, except_session=keep_session)


def _set_password(user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])


def update_profile(*, user: User, nickname: str | None = None, sex: int | None = None) -> User:
    """Changes what is given (not None) of one's own profile."""
    if nickname is not None:
        user.nickname = valid_nickname(nickname)
    if sex is not None:
        if sex not in Sex.values:
            raise BadRequest(errors={"sex": [_("Use 0 (not said), 1 (male) or 2 (female).")]})
        user.sex = sex
    user.save(update_fields=["nickname", "sex"])
    return user
