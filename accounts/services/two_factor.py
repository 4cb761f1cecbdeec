"""Two-factor authentication switched on and off, and its recovery codes."""

from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from accounts import mails
from accounts.errors import BadOtp
from accounts.models import RecoveryCode, TwoFactor, User
from accounts.selectors import two_factor_in_force
from accounts.services.attempts import otp_tries_of
from accounts.services.otp import SEALED_FOR, app_step, recovery_digest
from accounts.services.reauth import confirm, confirm_password
from accounts.totp import (
    RECOVERY_CODES,
    app_uri,
    in_fours,
    new_recovery_code,
    new_secret,
    qr_code,
)
from imsystem.clock import now_ms
from imsystem.encryption import encrypt
from imsystem.errors import BadRequest


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator app needs: the secret in base 32, as an otpauth:// address, and that
    as a QR code (the data: URI of an SVG picture). Shown once."""

    secret: str
    uri: str
    qr: str


def begin_two_factor(*, user: User, password: str) -> Enrolment:
    """Returns a new secret, which counts once a code of it is confirmed; one begun before is
    replaced.

    Raises BadRequest when the password is wrong or two-factor authentication is on.
    """
    confirm_password(user, password)
    secret = new_secret()
    _keep_unconfirmed(user, encrypt(secret, purpose=SEALED_FOR))
    uri = app_uri(secret, account=user.account)
    return Enrolment(secret, uri, qr_code(uri))


def _keep_unconfirmed(user: User, sealed: str) -> None:
    unconfirmed = TwoFactor.objects.filter(user=user, confirmed_at=None)
    fresh = {"secret": sealed, "last_step": 0, "updated_at": now_ms()}
    if unconfirmed.update(**fresh):
        return
    try:
        TwoFactor(user=user, secret=sealed).save(force_insert=True)
    except IntegrityError:  # it is on, or was begun at the same moment
        if not unconfirmed.update(**fresh):
            raise BadRequest(_("Two-factor authentication is already on.")) from None


def confirm_two_factor(*, user: User, otp: str) -> list[str]:
    """Switches two-factor authentication on with the first code of the app, and returns the
    recovery codes. No device is signed out.

    Raises BadRequest when the code is wrong or nothing was begun, RateLimited after many codes.
    """
    begun = TwoFactor.objects.filter(user=user, confirmed_at=None).first()
    if begun is None:
        raise BadRequest(_("Enter your password first: there is nothing to confirm yet."))
    tries = otp_tries_of(user)
    tries.take()
    step = app_step(begun, otp)
    # Compares the secret too: this code says nothing about one that replaced it meanwhile.
    same = TwoFactor.objects.filter(pk=begun.pk, secret=begun.secret, confirmed_at=None)
    now = now_ms()
    if step is None or same.update(confirmed_at=now, last_step=step, updated_at=now) != 1:
        raise BadRequest(errors={"otp": [BadOtp.default_detail]})
    tries.forgive()
    mails.send_two_factor_on(user)
    return _replace_recovery_codes(user)


def new_recovery_codes(*, user: User, password: str, otp: str) -> list[str]:
    """Returns ten new recovery codes and invalidates those before them. Raises BadRequest as
    `confirm` does."""
    _require_two_factor(user)
    confirm(user, password, otp)
    return _replace_recovery_codes(user)


def disable_two_factor(*, user: User, password: str, otp: str) -> None:
    """Switches two-factor authentication off, and tells its owner. Raises BadRequest as `confirm`
    does."""
    _require_two_factor(user)
    confirm(user, password, otp)
    remove_two_factor(user=user)


def remove_two_factor(*, user: User) -> bool:
    """Does the same for an administrator, for a user who has lost phone and recovery codes.

    Returns False when there was nothing to switch off.
    """
    was_on = two_factor_in_force(user) is not None
    TwoFactor.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user).delete()
    if was_on:
        mails.send_two_factor_off(user)
    return was_on


def _require_two_factor(user: User) -> None:
    if two_factor_in_force(user) is None:
        raise BadRequest(_("Two-factor authentication is not on."))


def _replace_recovery_codes(user: User) -> list[str]:
    codes = [new_recovery_code() for _number in range(RECOVERY_CODES)]
    before = list(RecoveryCode.objects.filter(user=user).values_list("pk", flat=True))
    # New ones first: wherever this is cut off, the user has codes that work.
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user=user, digest=recovery_digest(user, code, key=settings.SECRET_KEY))
        for code in codes
    )
    RecoveryCode.objects.filter(pk__in=before).delete()
    return [in_fours(code, "-") for code in codes]
