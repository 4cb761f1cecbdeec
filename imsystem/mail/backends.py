"""How mail leaves: by SMTP, or into files for trials, development and hosts that collect files."""

import base64
import smtplib
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.mail import EmailMessage
from django.core.mail.backends import filebased, smtp

from imsystem.mail.delivery import host_name

MAX_CHALLENGES = 5


class _Client:
    """What smtplib's clients lack: our own name for EHLO, logins with any characters (RFC 4616 says
    UTF-8, smtplib ASCII), and BODY=8BITMIME for text that is not ASCII."""

    user: str
    password: str
    docmd: Callable[..., tuple[int, bytes]]
    has_extn: Callable[[str], bool]
    ehlo_or_helo_if_needed: Callable[[], None]
    _auth_challenge_count: int

    def __init__(self, *args: Any, **options: Any) -> None:
        if name := host_name():
            options["local_hostname"] = name
        super().__init__(*args, **options)

    def auth(
        self, mechanism: str, authobject: Callable[..., Any], *, initial_response_ok: bool = True
    ) -> tuple[int, bytes]:
        first = authobject() if initial_response_ok else None
        words = [mechanism.upper()] + ([_base64(first)] if first is not None else [])
        code, answer = self.docmd("AUTH", " ".join(words))
        for count in range(1, MAX_CHALLENGES + 1):
            if code != 334:
                break
            self._auth_challenge_count = count + (first is not None)  # auth_login looks at it
            code, answer = self.docmd(_base64(authobject(base64.b64decode(answer))))
        if code not in (235, 503):
            raise smtplib.SMTPAuthenticationError(code, answer)
        return code, answer

    def auth_cram_md5(self, challenge: bytes | None = None) -> str | None:
        """None for a password that CRAM-MD5 cannot carry; the server's next method is tried."""
        if challenge is None and not self.password.isascii():
            raise smtplib.SMTPAuthenticationError(504, b"the password is not ASCII")
        return super().auth_cram_md5(challenge)  # type: ignore[misc, no-any-return]

    def sendmail(self, sender: str, to: Any, message: Any, *options: Any, **more: Any) -> Any:
        self.ehlo_or_helo_if_needed()
        is_ascii = isinstance(message, str) or message.isascii()
        if not is_ascii and self.has_extn("8bitmime"):
            more["mail_options"] = [*more.get("mail_options", ()), "BODY=8BITMIME"]
        return super().sendmail(sender, to, message, *options, **more)  # type: ignore[misc]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class _Smtp(_Client, smtplib.SMTP):  # type: ignore[misc]
    pass


class _SmtpSsl(_Client, smtplib.SMTP_SSL):  # type: ignore[misc]
    pass


class SmtpBackend(smtp.EmailBackend):
    """Sends mail by SMTP."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _SmtpSsl if self.use_ssl else _Smtp


class FileBackend(filebased.EmailBackend):
    """Writes the mails of one sending to a file of their own.

    Django names a file after the second and the backend's address in memory. Such an address is
    reused, so two mails of one second ended up in one file, and a program that reads one mail from
    each file never saw the second one, with somebody's code.
    """

    def open(self) -> bool:
        if self.stream is not None:
            return False
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{uuid4().hex}.log"
        self.stream = Path(self.file_path, name).open("xb")  # noqa: SIM115 - close() closes it
        return True


class EchoFileBackend(FileBackend):
    """Writes each mail to a file and prints its subject, so that a trial needs no mail server.

    A mail with a code has the code in its subject. This backend is for trials and development
    only: `up` chooses it when EMAIL_URL is not set.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        sent = super().send_messages(email_messages) or 0
        for message in email_messages:
            sys.stdout.write(f"mail to {', '.join(message.to)}: {message.subject}\n")
        sys.stdout.flush()
        return sent
