"""Mail that goes to files: for trying out, for development, and for hosts that collect files."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from django.core.mail import EmailMessage
from django.core.mail.backends import filebased


class FileBackend(filebased.EmailBackend):
    """Writes the mails of one sending to a file of their own.

    Django names a file after the second and the backend's address in memory. That address is given
    out again, so two mails of one second were in one file, and a program that reads a mail per
    file never saw the second: somebody's code.
    """

    def open(self) -> bool:
        if self.stream is not None:
            return False
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{uuid4().hex}.log"
        self.stream = Path(self.file_path, name).open("xb")  # noqa: SIM115 - close() closes it
        return True


class EchoFileBackend(FileBackend):
    """Writes each mail to a file and prints its subject, so that a trial needs no mail server.

    A code's mail has the code in its subject. This backend is for trying out and development
    only: `up` chooses it when EMAIL_URL is not set.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        sent = super().send_messages(email_messages) or 0
        for message in email_messages:
            sys.stdout.write(f"mail to {', '.join(message.to)}: {message.subject}\n")
        sys.stdout.flush()
        return sent
