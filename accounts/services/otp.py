"""The second factor: whether a code is valid, and has not been used before."""

import logging

from django.conf import settings
from django.utils.crypto import salted_hmac

from accounts import mails
from accounts.errors import BadOtp, OtpRequired
from accounts.models import RecoveryCode, TwoFactor, User
from accounts.selectors import recovery_codes_left, two_factor_in_force
from accounts.services.attempts import Tries, otp_tries, otp_tries_of
from accounts.totp import read_recovery_code, step_of
from imsystem.clock import now_ms
from imsystem.encryption import DecryptionError, decrypt

logger = logging.getLogger(__name__)

SEALED_FOR = "two-factor"


def check_otp(user: User, otp: str, *, ip: str = "", device_token: str = "") -> None:
    """Returns when `user` has no two-factor authentication, or when `otp` is a valid code of their
    app or a recovery code, which is used up by this. For the sign-in.

    Raises OtpRequired when none is given, which does not count as a failure; BadOtp for a wrong
    one, and RateLimited after too many of those.
    """
    _check(user, otp, otp_tries(user, ip=ip, device_token=device_token))


def check_own_otp(user: User, otp: str) -> None:
    """Does the same for a signed-in user."""
    _check(user, otp, otp_tries_of(user))


def _check(user: User, otp: str, tries: Tries) -> None:
    two_factor = two_factor_in_force(user)
    if two_factor is None:
        return
    if not otp.strip():
        raise OtpRequired(user)
    tries.take()
    if not (_use_app_code(two_factor, otp) or _use_recovery_code(user, otp)):
        raise BadOtp
    tries.forgive()


def app_step(two_factor: TwoFactor, otp: str) -> int | None:
    """Returns the step whose code `otp` is, unless it or a later one has been used; otherwise
    None."""
    try:
        secret = decrypt(two_factor.secret, purpose=SEALED_FOR)
    except DecryptionError:
        # No app can know the code then. Recovery codes are lost with the key as well: only an
        # administrator can help (`manage.py disable_two_factor`).
        logger.error("a two-factor secret cannot be read: SECRET_KEY has changed")
        return None
    return step_of(otp, secret=secret, at_ms=now_ms(), after=two_factor.last_step)


def _use_app_code(two_factor: TwoFactor, otp: str) -> bool:
    step = app_step(two_factor, otp)
    if step is None:
        return False
    # One step: of two requests with the same code only one moves it.
    unused = TwoFactor.objects.filter(pk=two_factor.pk, last_step__lt=step)
    return unused.update(last_step=step, updated_at=now_ms()) == 1


def _use_recovery_code(user: User, otp: str) -> bool:
    code = read_recovery_code(otp)
    if code is None:
        return False
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    digests = [recovery_digest(user, code, key=key) for key in keys]
    unused = RecoveryCode.objects.filter(user=user, digest__in=digests, used_at=None)
    if unused.update(used_at=now_ms(), updated_at=now_ms()) != 1:
        return False
    mails.send_recovery_code_used(user, left=recovery_codes_left(user))
    return True


def recovery_digest(user: User, code: str, *, key: str) -> str:
    """Returns what is stored of a recovery code (its digits). With a key: 53 bits alone could be
    guessed."""
    text = f"{user.identity} {code}"
    return salted_hmac("accounts.recovery", text, secret=key, algorithm="sha256").hexdigest()
