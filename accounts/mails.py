"""The e-mails of accounts. Each is plain text in the reader's language and contains no user's
text."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.clients import client_name
from accounts.codes import Purpose
from accounts.models import User
from imsystem.mail.outbox import Mail
from imsystem.mail.posting import post

P = ParamSpec("P")

# A notice that is a day late is of no use any more.
NOTICE_GOOD_FOR_S = 24 * 3600


def _send(
    to: str, subject: str, template: str, *, good_for_s: int, due_in_s: int = 0, **context: Any
) -> None:
    """Queues the mail. All kinds cost the request the same, so that its time reveals nothing."""
    body = render_to_string(f"mail/{template}.txt", context)
    post(Mail(to, subject, body), good_for_s=good_for_s, due_in_s=due_in_s)


def send_code(*, to: str, purpose: Purpose, code: str) -> None:
    """Mails the code, in the subject too, so that it can be read off the notification."""
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
    """Replaces a code, for an address that already has an account."""
    subject = _("You already have an IMSystem account")
    _send(to, subject, "account_exists", good_for_s=settings.CODE_TTL_S)


def send_no_account(*, to: str) -> None:
    """Replaces a code to reset a password, for an address that has no account."""
    subject = _("No IMSystem account for this address")
    _send(to, subject, "no_account", good_for_s=settings.CODE_TTL_S)


def _tell(user: User, subject: str, template: str, **context: Any) -> None:
    _send(user.email, subject, template, good_for_s=NOTICE_GOOD_FOR_S, **context)


def _in_own_language(
    send: Callable[Concatenate[User, P], None],
) -> Callable[Concatenate[User, P], None]:
    """Decorator: `send` writes to its user in the language that the account keeps. Somebody else
    may have caused the notice, so the language of the request does not count."""

    @wraps(send)
    def send_in_it(user: User, /, *args: P.args, **kwargs: P.kwargs) -> None:
        with translation.override(user.language):
            send(user, *args, **kwargs)

    return send_in_it


@_in_own_language
def send_new_device(user: User, *, device: str, ip: str, at: int, due_in_s: int = 0) -> None:
    """Tells the owner of a sign-in, at `at` (Unix ms), from where the owner never signed in.

    With `due_in_s` it goes out later, and says that there may have been more of them. `device` is
    the User-Agent; only accounts.clients.client_name of it gets into the mail.
    """
    subject = _("New sign-in to your IMSystem account")
    when = f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    _send(
        user.email,
        subject,
        "new_device",
        good_for_s=NOTICE_GOOD_FOR_S,
        due_in_s=due_in_s,
        client=client_name(device),
        ip=ip,
        when=when,
        more=due_in_s > 0,
    )


@_in_own_language
def send_email_changed(user: User, *, old: str) -> None:
    """Tells the former address, whose reader may not be the one who changed it. The new one is
    masked."""
    subject = _("The e-mail address of your IMSystem account was changed")
    _send(old, subject, "email_changed", good_for_s=NOTICE_GOOD_FOR_S, new=masked(user.email))


@_in_own_language
def send_account_deleted(user: User) -> None:
    """The last e-mail to a deleted user."""
    _tell(user, _("Your IMSystem account has been deleted"), "account_deleted")


@_in_own_language
def send_two_factor_on(user: User) -> None:
    _tell(user, _("Two-factor authentication is on for your IMSystem account"), "two_factor_on")


@_in_own_language
def send_two_factor_off(user: User) -> None:
    """Sent whether the user or an administrator switched it off."""
    _tell(user, _("Two-factor authentication is off for your IMSystem account"), "two_factor_off")


@_in_own_language
def send_recovery_code_used(user: User, *, left: int) -> None:
    """Somebody may have found the list of codes; `left` of them still work."""
    subject = _("A recovery code of your IMSystem account was used")
    _tell(user, subject, "recovery_code_used", left=left)


def masked(email: str) -> str:
    """Masks `nora@example.org` as `n***@example.org`: recognisable for its owner, not readable for
    others."""
    name, _at, domain = email.rpartition("@")
    return f"{name[0]}***@{domain}"
