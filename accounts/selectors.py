"""Reads. What is not there, or may not be known, is NotFound."""

from django.db.models import QuerySet

from accounts.canonical import ACCOUNT, canonical_account, canonical_email
from accounts.models import DeviceSession, User
from imsystem.errors import NotFound
from imsystem.ids import is_identity


def user_by_identity(identity: str) -> User:
    """The user with this identity, deactivated ones too: their messages still carry a name."""
    user = User.objects.filter(pk=identity).first() if is_identity(identity) else None
    if user is None:
        raise NotFound
    return user


def find_by_account(account: str) -> User | None:
    """The active user with exactly this account name (in whatever case it is written)."""
    name = canonical_account(account)
    if ACCOUNT.fullmatch(name) is None:
        return None
    return User.objects.filter(account=name, is_active=True).first()


def find_by_sign_in_name(name: str) -> User | None:
    """The user, active or not, with this account name or e-mail address."""
    if "@" in name:
        return User.objects.filter(email=canonical_email(name)).first()
    return User.objects.filter(account=canonical_account(name)).first()


def active_user(identity: str) -> User | None:
    """The user with this identity unless deactivated. The caller has checked its form."""
    return User.objects.filter(pk=identity, is_active=True).first()


def live_session(*, session_identity: object, user: User) -> DeviceSession | None:
    """This device session of this user unless it is revoked; its `.user` is `user`."""
    if not is_identity(session_identity):
        return None
    # By `_id` alone, the one index every server uses; the rest is compared here.
    session = DeviceSession.objects.filter(pk=session_identity).first()
    if session is None or session.revoked_at is not None or session.user_id != user.pk:
        return None
    session.user = user
    return session


def live_sessions_of(user: User) -> QuerySet[DeviceSession]:
    """The user's device sessions that are not revoked, last used first."""
    return DeviceSession.objects.filter(user=user, revoked_at=None).order_by("-last_used_at")
