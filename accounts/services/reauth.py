"""Asking the user for proof again, before something that cannot be undone."""

from django.utils.translation import gettext_lazy as _

from accounts.errors import BadOtp, OtpRequired
from accounts.models import User
from accounts.services.attempts import password_tries_of
from accounts.services.otp import check_own_otp
from accounts.services.signing_in import password_matches
from imsystem.errors import BadRequest


def confirm(user: User, password: str, otp: str = "") -> None:
    """Returns when the caller is `user`: password, and the second factor if there is one.

    Raises BadRequest at `password` or `otp`, and RateLimited after too many failures.
    """
    confirm_password(user, password)
    confirm_otp(user, otp)


def confirm_otp(user: User, otp: str) -> None:
    """Returns when `otp` is valid, or not needed. Raises BadRequest at `otp`, and RateLimited."""
    try:
        check_own_otp(user, otp)
    except (OtpRequired, BadOtp) as exc:
        # Not 401: the user is signed in, and a client would think its token has expired.
        raise BadRequest(errors={"otp": [exc.detail]}) from None


def confirm_password(user: User, password: str, *, field: str = "password") -> None:
    """Returns when `password` is the user's; raises BadRequest at `field` otherwise.

    It has a count of its own for signed-in users, which strangers at the sign-in cannot use up.
    """
    tries = password_tries_of(user)
    tries.take()
    if not password_matches(user, password):
        raise BadRequest(errors={field: [_("This is not your current password.")]})
    tries.forgive()
