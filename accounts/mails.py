"""The mails of accounts. Each is plain text in the reader's language, without any user's text."""

from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from accounts.codes import Purpose
from imsystem.outbox import Mail, post

# A notice that is a day late is of no use any more.
NOTICE_GOOD_FOR_S = 24 * 3600


def _send(to: str, subject: str, template: str, *, good_for_s: int, **context: Any) -> None:
    """Queues the mail. All kinds cost the request the same, so that its time tells nothing."""
    body = render_to_string(f"mail/{template}.txt", context)
    post(Mail(to, subject, body), good_for_s=good_for_s)


def send_code(*, to: str, purpose: Purpose, code: str) -> None:
    """The code, in the subject too: it can be read off the notification."""
    subject = _("%(code)s is your IMSystem code") % {"code": code}
    minutes = settings.CODE_TTL_S // 60
    _send(
        to,
        subject,
        "code",
        good_for_s=settings.CODE_TTL_S,
        purpose=purpose.value,
        code=code,
        minutes=minutes,
    )


def send_account_exists(*, to: str) -> None:
    """In place of a code, to an address that has an account already."""
    subject = _("You already have an IMSystem account")
    _send(to, subject, "account_exists", good_for_s=settings.CODE_TTL_S)


def send_no_account(*, to: str) -> None:
    """In place of a code to reset a password, to an address that has no account."""
    subject = _("There is no IMSystem account for this address")
    _send(to, subject, "no_account", good_for_s=settings.CODE_TTL_S)
