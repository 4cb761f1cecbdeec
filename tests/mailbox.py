"""The mail of a test: what the jobs of the queue "mail" have sent so far."""

from django.core import mail
from django.core.mail import EmailMessage

from imsystem.mail.handover import hand_over
from tests.jobs import run_jobs


def deliver_due() -> int:
    """Sends what is due, and returns the number of mails that went out."""
    hand_over()
    return run_jobs("mail").count("done")


def delivered() -> list[EmailMessage]:
    """All mails of this test, oldest first, after what is due has been sent."""
    deliver_due()
    return list(mail.outbox)


def delivered_to(address: str) -> list[EmailMessage]:
    return [message for message in delivered() if message.to == [address]]
