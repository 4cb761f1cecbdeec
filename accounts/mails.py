"""The mails of accounts. Each is plain text in the reader's language, without any user's text."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from accounts.codes import Purpose
from imsystem.mail.outbox import Mail, post

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


def send_new_device(*, to: str, client: str, ip: str, at: int) -> None:
    """Somebody signed in, at `at` (Unix ms), from where the owner of the account never did.

    `client` is accounts.clients.client_name: whatever a client calls itself does not get here.
    """
    subject = _("New sign-in to your IMSystem account")
    when = f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    _send(
        to,
        subject,
        "new_device",
        good_for_s=NOTICE_GOOD_FOR_S,
        client=client,
        ip=ip,
        when=when,
    )


def send_email_changed(*, to: str, new: str) -> None:
    """To the former address: whoever reads it may not be who changed it. `new` is shown masked."""
    subject = _("Your IMSystem account has another e-mail address")
    _send(to, subject, "email_changed", good_for_s=NOTICE_GOOD_FOR_S, new=masked(new))


def send_account_deleted(*, to: str) -> None:
    """The last mail to somebody who leaves."""
    subject = _("Your IMSystem account is deleted")
    _send(to, subject, "account_deleted", good_for_s=NOTICE_GOOD_FOR_S)


def send_two_factor_on(*, to: str) -> None:
    subject = _("Two-factor authentication is on for your IMSystem account")
    _send(to, subject, "two_factor_on", good_for_s=NOTICE_GOOD_FOR_S)


def send_two_factor_off(*, to: str) -> None:
    """Whether the person or an administrator switched it off."""
    subject = _("Two-factor authentication is off for your IMSystem account")
    _send(to, subject, "two_factor_off", good_for_s=NOTICE_GOOD_FOR_S)


def send_recovery_code_used(*, to: str, left: int) -> None:
    """Whoever has the list of codes may have found it; `left` of them still work."""
    subject = _("A recovery code of your IMSystem account was used")
    _send(to, subject, "recovery_code_used", good_for_s=NOTICE_GOOD_FOR_S, left=left)


def masked(email: str) -> str:
    """`nora@example.org` as `n***@example.org`: to be recognised, not to be learned."""
    name, _at, domain = email.rpartition("@")
    return f"{name[0]}***@{domain}"
