"""One mail, as a mail administrator expects it, and what a mail server's answer means."""

import logging
import re
import smtplib
from email.utils import parseaddr
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from prometheus_client import Counter

from imsystem.jobs.tasks import GiveUp, TryLater

logger = logging.getLogger(__name__)

sent = Counter(
    "imsystem_mail_total",
    "Mails by what the mail server said: sent, temporary (4xx), permanent (5xx), refused_login, "
    "connection",
    ["outcome"],
)
_ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
LOCAL_NAMES = ("localhost", "localhost.localdomain", "127.0.0.1", "[::1]", ".localhost", "")


class Verdict(NamedTuple):
    """`text` is for logs and staff: code, enhanced status and stage, never an address."""

    outcome: str
    text: str
    is_final: bool


def deliver(to: str, subject: str, body: str, message_id: str) -> None:
    """Sends one mail. Raises GiveUp when it is refused for good, TryLater for other failures."""
    message = compose(to, subject, body, message_id)
    try:
        message.send()
    except OSError as exc:  # smtplib's errors are OSErrors
        verdict = judge(exc)
        sent.labels(verdict.outcome).inc()
        raise (GiveUp if verdict.is_final else TryLater)(verdict.text) from None
    sent.labels("sent").inc()


def compose(to: str, subject: str, body: str, message_id: str) -> EmailMessage:
    """The message: bounces go to EMAIL_BOUNCES_TO, answers to EMAIL_REPLY_TO, and programs that
    answer mail by themselves leave it alone (RFC 3834)."""
    sender = settings.DEFAULT_FROM_EMAIL
    headers = {
        "From": sender,
        "Message-ID": f"<{message_id}@{sender_domain() or 'localhost'}>",
        "Auto-Submitted": "auto-generated",
    }
    envelope = settings.EMAIL_BOUNCES_TO or sender
    reply_to = [settings.EMAIL_REPLY_TO] if settings.EMAIL_REPLY_TO else None
    return EmailMessage(subject, body, envelope, [to], headers=headers, reply_to=reply_to)


def sender_domain() -> str:
    """Returns the domain of DEFAULT_FROM_EMAIL, in ASCII; empty when it has none."""
    _name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    domain = address.rpartition("@")[2].lower()
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return ""


def host_name() -> str:
    """Returns this server's name for EHLO: the host that people use, otherwise the sender's
    domain."""
    origins = [urlsplit(origin).hostname or "" for origin in settings.CSRF_TRUSTED_ORIGINS]
    names = [*origins, *settings.ALLOWED_HOSTS, sender_domain()]
    fitting = [name for name in names if name not in LOCAL_NAMES and "*" not in name]
    return fitting[0].removeprefix(".") if fitting else ""


def judge(exc: OSError) -> Verdict:
    """Returns what a failure means. Only a refusal of the recipient or the message is final: all
    others are about this server's configuration, which somebody may mend in time."""
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        answers = list(exc.recipients.values())
        code, text = max(answers, default=(0, b""))
        is_final = bool(answers) and all(code >= 500 for code, _text in answers)
        return Verdict(_class(code), _said(code, text, "recipient"), is_final)
    if isinstance(exc, smtplib.SMTPAuthenticationError):
        return Verdict("refused_login", _said(exc.smtp_code, exc.smtp_error, "login"), False)
    if isinstance(exc, smtplib.SMTPResponseException):
        is_data = isinstance(exc, smtplib.SMTPDataError)
        stage = {smtplib.SMTPDataError: "message", smtplib.SMTPSenderRefused: "sender"}
        said = _said(exc.smtp_code, exc.smtp_error, stage.get(type(exc), "greeting"))
        return Verdict(_class(exc.smtp_code), said, is_data and exc.smtp_code >= 500)
    return Verdict("connection", type(exc).__name__, False)


def _class(code: int) -> str:
    return "permanent" if code >= 500 else "temporary"


def _said(code: int, text: bytes | str, stage: str) -> str:
    """Returns `550 5.1.1 (recipient)`. The server's words are left out: they repeat the address."""
    raw = text.encode(errors="replace") if isinstance(text, str) else text
    status = _ENHANCED.match(raw.strip())
    return " ".join(filter(None, [str(code), status and status[0].decode(), f"({stage})"]))
