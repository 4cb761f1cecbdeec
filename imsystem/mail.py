"""The mail backend of the embedded default: files, and one line on the console."""

import sys
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.filebased import EmailBackend


class EchoFileBackend(EmailBackend):
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
