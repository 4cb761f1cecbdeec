"""The mails of accounts. Each is plain text in the reader's language, without any user's text."""

from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from accounts.codes import Purpose


def _send(to: str, subject: str, template: str, **context: Any) -> None:
    body = render_to_string(f"mail/{template}.txt", context)
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [to])


def send_code(*, to: str, purpose: Purpose, code: str) -> None:
    """The code, in the subject too: it can be read off the notification."""
    subject = _("%(code)s is your IMSystem code") % {"code": code}
    minutes = settings.CODE_TTL_S // 60
    _send(to, subject, "code", purpose=purpose.value, code=code, minutes=minutes)


def send_account_exists(*, to: str) -> None:
    """In place of a code, to an address that has an account already."""
    _send(to, _("You already have an IMSystem account"), "account_exists")


def send_no_account(*, to: str) -> None:
    """In place of a code to reset a password, to an address that has no account."""
    _send(to, _("There is no IMSystem account for this address"), "no_account")
