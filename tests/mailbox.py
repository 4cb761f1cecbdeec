"""The mail of a test: what the outbox has sent so far."""

from django.core import mail
from django.core.mail import EmailMessage

from imsystem.mail.outbox import deliver_due


def delivered() -> list[EmailMessage]:
    """All mails of this test, oldest first, after what is due has been sent."""
    deliver_due()
    return list(mail.outbox)


def delivered_to(address: str) -> list[EmailMessage]:
    return [message for message in delivered() if message.to == [address]]
