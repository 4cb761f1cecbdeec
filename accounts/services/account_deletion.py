"""Deleting accounts: personal data is erased, messages stay as those of a "deleted user"."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType

from accounts import announce, mails
from accounts.canonical import DELETED_PREFIX
from accounts.choices import Audience
from accounts.models import Avatar, DeviceSession, RecoveryCode, Sex, TwoFactor, User
from accounts.services.administrators import store_standing
from accounts.services.devices import revoke_all
from accounts.services.reauth import confirm
from imsystem.clock import now_ms

Leave = Callable[[User], None]

_leaves: list[Leave] = []


def before_deletion(leave: Leave) -> Leave:
    """Registers what the apps above do when an account is deleted, before its data is erased.

    It may be called again for the same user, when the first time was interrupted.
    """
    _leaves.append(leave)
    return leave


def delete_own_account(*, user: User, password: str, otp: str = "") -> None:
    """Deletes the user's own account. Raises BadRequest at `password`, Forbidden for the last
    administrator."""
    confirm(user, password, otp)
    delete_account(user=user)


def delete_account(*, user: User) -> None:
    """Ends an account: signs out everywhere, leaves all groups, erases all personal data.

    In this order, so that an interruption leaves an account that nobody can use; calling it again
    does the rest, and does nothing to a deleted one. Raises Forbidden, and changes nothing, for the
    last active superuser.
    """
    if User.objects.filter(pk=user.pk, deleted_at__isnull=False).exists():
        return
    _deactivate(user)
    for leave in _leaves:
        leave(user)
    mails.send_account_deleted(user)
    _erase(user)
    user.refresh_from_db()


def _deactivate(user: User) -> None:
    store_standing(user.pk, {"is_active": False}, judged={"is_active": True})
    revoke_all(user=user)


def _erase(user: User) -> None:
    for model in (Avatar, TwoFactor, RecoveryCode, DeviceSession):
        model.objects.filter(user_id=user.pk).delete()
    user.groups.clear()
    user.user_permissions.clear()
    name = f"{DELETED_PREFIX}{user.pk}"
    users = ContentType.objects.get_for_model(User)
    LogEntry.objects.filter(content_type=users, object_id=user.pk).update(object_repr=name)
    now = now_ms()
    User.objects.filter(pk=user.pk, deleted_at=None).update(
        account=name,
        email=f"{name}@deleted.invalid",
        nickname="",
        sex=Sex.UNKNOWN,
        avatar="",
        language=settings.LANGUAGE_CODE,
        password=make_password(None),
        password_set_at=now,
        is_staff=False,
        is_superuser=False,
        who_may_add=Audience.NOBODY,
        deleted_at=now,
        updated_at=now,
    )
    announce.profile_changed(user.pk)
