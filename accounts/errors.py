"""Errors that only accounts know."""

from django.utils.translation import gettext_lazy as _

from imsystem.errors import NotAuthenticated


class BadCredentials(NotAuthenticated):
    """Unknown account, wrong password and deactivated account: one answer for all three."""

    code = "bad_credentials"
    default_detail = _("The account or the password is not right.")
