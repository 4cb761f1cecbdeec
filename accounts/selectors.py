"""Reads. What does not exist, or may not be known, is NotFound."""

from collections.abc import Iterable

from django.db.models import QuerySet

from accounts import user_cache
from accounts.canonical import ACCOUNT, canonical_account, sign_in_name
from accounts.choices import Audience
from accounts.models import Avatar, DeviceSession, RecoveryCode, TwoFactor, User
from accounts.online import online_from_thread
from accounts.policies import can_see_online
from accounts.providers import contacts_among
from imsystem.clock import now_ms
from imsystem.errors import NotFound
from imsystem.guesses import guessing
from imsystem.ids import is_identity
from imsystem.loops import run_on_loop


def user_by_identity(identity: str) -> User:
    """Returns the user with this identity, deactivated ones too: their messages still carry a
    name."""
    user = User.objects.filter(pk=identity).first() if is_identity(identity) else None
    if user is None:
        raise NotFound
    return user


def find_by_account(account: str) -> User | None:
    """Returns the active user with exactly this username (in any case)."""
    name = canonical_account(account)
    if ACCOUNT.fullmatch(name) is None:
        return None
    return User.objects.filter(account=name, is_active=True).first()


def person(viewer: User, identity: str, source: str = "") -> User:
    """Calls user_by_identity for another user's request. Raises RateLimited after too many misses
    (guesses.py)."""
    with guessing(viewer.pk, source):
        return user_by_identity(identity)


def person_by_account(viewer: User, account: str, source: str = "") -> User:
    """Returns the active user with exactly this username, for another user's request. Raises
    NotFound, and RateLimited after too many of these."""
    with guessing(viewer.pk, source):
        user = find_by_account(account)
        if user is None:
            raise NotFound
        return user


def find_by_sign_in_name(name: str) -> User | None:
    """Returns the user, active or not, with this username or e-mail address."""
    name = sign_in_name(name)
    return User.objects.filter(**{"email" if "@" in name else "account": name}).first()


def active_user(identity: str) -> User | None:
    """Returns the user with this identity unless deactivated. The caller has checked its form."""
    return User.objects.filter(pk=identity, is_active=True).first()


def users_among(identities: Iterable[str]) -> dict[str, User]:
    """Those of the users who exist, deactivated ones too."""
    wanted = list(identities)
    return User.objects.in_bulk(wanted) if wanted else {}


def active_users(identities: Iterable[str]) -> dict[str, User]:
    """Those of the users who exist and are not deactivated."""
    return User.objects.filter(is_active=True).in_bulk(list(identities))


def live_session(*, session_identity: object, user: User) -> DeviceSession | None:
    """Returns this device session of this user unless it has ended; its `.user` is `user`."""
    if not is_identity(session_identity):
        return None
    # By `_id` alone, the one index every server uses; the rest is compared here.
    session = DeviceSession.objects.filter(pk=session_identity).first()
    if session is None or session.ended_at is not None or session.user_id != user.pk:
        return None
    session.user = user
    return session


def session_in_force(*, user_identity: str, session_identity: str) -> DeviceSession | None:
    """Returns the live device session of an active user that a token names, with its `.user`."""
    return run_on_loop(
        user_cache.session_in_force(user_identity=user_identity, session_identity=session_identity)
    )


def live_sessions_of(user: User) -> QuerySet[DeviceSession]:
    """Returns the user's device sessions that have not ended, last used first."""
    live = DeviceSession.objects.filter(user=user, revoked_at=None, expires_at__gt=now_ms())
    return live.order_by("-last_used_at")


def online_as_seen(viewer: User, user: User) -> bool | None:
    """Returns whether `user` is online; None when `viewer` may not know."""
    asked = user.who_sees_online == Audience.CONTACTS
    contact = asked and bool(contacts_among(viewer.pk, [user.pk]))
    if not can_see_online(viewer, user, contact=contact):
        return None
    return user.pk in online_from_thread([user.pk])


def two_factor_in_force(user: User) -> TwoFactor | None:
    """Returns the user's authenticator app, once it is confirmed."""
    two_factor = TwoFactor.objects.filter(user=user).first()
    return None if two_factor is None or two_factor.confirmed_at is None else two_factor


def recovery_codes_left(user: User) -> int:
    """Returns how many of the user's recovery codes have not been used yet."""
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def picture(identity: str) -> bytes | None:
    """Returns an uploaded picture, a square WebP; None when it was replaced or never existed."""
    if not is_identity(identity):
        return None
    data = Avatar.objects.filter(pk=identity).values_list("data", flat=True).first()
    return None if data is None else bytes(data)
