"""Errors that only accounts know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from imsystem.errors import Forbidden, NotAuthenticated

if TYPE_CHECKING:
    from accounts.models import User


class BadCredentials(NotAuthenticated):
    """Unknown account, wrong password and deactivated account: one answer for all three."""

    code = "bad_credentials"
    default_detail = _("Wrong username or password.")


class OtpRequired(NotAuthenticated):
    """The password is correct, and `user` has two-factor authentication: a code is needed."""

    code = "otp_required"
    default_detail = _("Enter the code from your authenticator app, or a recovery code.")

    def __init__(self, user: User) -> None:
        super().__init__()
        self.user = user


class BadOtp(NotAuthenticated):
    """Wrong, expired, or used before: one answer for all three."""

    code = "bad_otp"
    default_detail = _("This code is wrong or has already been used.")


class RegistrationClosed(Forbidden):
    """Nobody may register on this server."""

    code = "registration_closed"
    default_detail = _("Registration is closed on this server.")


class InvitationRequired(Forbidden):
    """Only users with an invitation may register on this server."""

    code = "invitation_required"
    default_detail = _("You need an invitation to register on this server.")
