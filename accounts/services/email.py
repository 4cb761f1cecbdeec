"""Changing the address."""

from django.conf import settings
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from accounts import mails
from accounts.canonical import valid_email
from accounts.codes import Purpose
from accounts.models import User
from accounts.policies import require_usable_address
from accounts.services.codes import Asker, entered
from accounts.services.reauth import confirm
from imsystem.clock import now_ms
from imsystem.errors import BadRequest, NotAuthenticated


def change_email(*, user: User, email: str, code: str, password: str, otp: str = "") -> User:
    """Gives the user another address, proved by a code sent to it, and tells the old address.

    Raises BadRequest at `password`, `code` or `email` (somebody was faster), and changes nothing.
    """
    require_usable_address(settings, email)
    email = valid_email(email)
    confirm(user, password, otp)
    asker = Asker(user=user)
    with entered(email=email, purpose=Purpose.CHANGE_EMAIL, code=code, asker=asker):
        _store(user, email)
    old, user.email = user.email, email
    mails.send_email_changed(user, old=old)
    return user


def _store(user: User, email: str) -> None:
    """Only while the account is active: a deleted one must not get an address again."""
    active = User.objects.filter(pk=user.pk, is_active=True)
    try:
        changed = active.update(email=email, updated_at=now_ms())
    except IntegrityError:
        taken = _("An account with this address already exists.")
        raise BadRequest(errors={"email": [taken]}) from None
    if changed != 1:
        raise NotAuthenticated
