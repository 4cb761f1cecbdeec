"""Asking again who is there, before what cannot be taken back."""

from django.utils.translation import gettext_lazy as _

from accounts.errors import BadOtp, OtpRequired
from accounts.models import User
from accounts.services.otp import check_otp
from accounts.services.signing_in import PASSWORD_FAILURES, password_matches
from imsystem.errors import BadRequest


def confirm(user: User, password: str, otp: str = "") -> None:
    """Returns when the person who asks is `user`: password, and the second factor if there is one.

    Raises BadRequest at `password` or `otp`, and RateLimited after too many failures.
    """
    confirm_password(user, password)
    try:
        check_otp(user, otp)
    except (OtpRequired, BadOtp) as exc:
        # Not 401: the person is signed in, and a client would think its token has expired.
        raise BadRequest(errors={"otp": [exc.detail]}) from None


def confirm_password(user: User, password: str, *, field: str = "password") -> None:
    """Returns when `password` is the user's; BadRequest at `field` otherwise.

    A count of its own for people who are signed in: strangers at the sign-in cannot use it up.
    """
    PASSWORD_FAILURES.take(user.identity, "change")
    if not password_matches(user, password):
        raise BadRequest(errors={field: [_("This is not your present password.")]})
    PASSWORD_FAILURES.forgive(user.identity, "change")
