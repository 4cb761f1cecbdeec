"""Asks the mail server everything short of sending a mail: for `manage.py doctor`."""

import smtplib
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.message import sanitize_address

from imsystem.mail.delivery import judge


class ProbeError(Exception):
    """What is wrong, in one line without secrets."""


def probe(timeout_s: float) -> str:
    """Runs EHLO, STARTTLS and AUTH as configured, then MAIL FROM and RCPT TO with the sender's own
    address, then RSET. Raises ProbeError; a server that demands a login answers 530."""
    backend: Any = get_connection(timeout=timeout_s)
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with backend:
            _rehearse(backend.connection)
    except OSError as exc:
        raise ProbeError(f"{where}: {judge(exc).text}") from exc
    how = "signed in" if settings.EMAIL_HOST_USER else "without a login"
    is_safe = settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL
    return f"{how} at {where}, {'TLS' if is_safe else 'no TLS'}, it takes our mail"


def _rehearse(client: smtplib.SMTP) -> None:
    envelope = settings.EMAIL_BOUNCES_TO or settings.DEFAULT_FROM_EMAIL
    sender = sanitize_address(parseaddr(envelope)[1], "utf-8")
    client.ehlo_or_helo_if_needed()
    code, text = client.mail(sender)
    if code >= 400:
        raise smtplib.SMTPSenderRefused(code, text, sender)
    code, text = client.rcpt(sender)
    client.rset()
    if code >= 400 and _wants_login(code):
        raise smtplib.SMTPRecipientsRefused({sender: (code, text)})


def _wants_login(code: int) -> bool:
    """530, 535, 550 and 554 are what servers say to strangers; 450 to 452 (grey-listing) and 551
    or 553 are about this one recipient, which may not exist."""
    return code in (530, 535, 538, 550, 554)
