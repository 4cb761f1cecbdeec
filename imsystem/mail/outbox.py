"""Mail on its way: each mail is a job (imsystem.jobs), sent by the web processes.

A slow or dead mail server slows no answer, and an answer's time does not tell which mail was
sent. A mail is tried again until it is too late for it to be of use; it may arrive twice when a
process dies between sending it and noting that, and is not lost when one dies before.
"""

from dataclasses import asdict, dataclass

from imsystem.clock import now_ms
from imsystem.ids import new_identity
from imsystem.jobs.tasks import Queue, job
from imsystem.mail.delivery import deliver

# Sends at once in a process: one dead mail server must not hold up the mail to all others.
MAIL = Queue("mail", at_once=4)


@dataclass(frozen=True)
class Mail:
    """One plain-text mail to one address."""

    to: str
    subject: str
    body: str


# Connecting, TLS and sending have EMAIL_TIMEOUT (10 s) each. Mails hold codes: they are encrypted.
@job(queue=MAIL, tries=0, longest_run_s=60, secret=True)
def send_mail(to: str, subject: str, body: str, message_id: str) -> None:
    """Hands one mail to the mail server; raises GiveUp when it is refused for good."""
    deliver(to, subject, body, message_id)


def post(mail: Mail, *, good_for_s: int) -> None:
    """Queues a mail and returns at once. After `good_for_s` seconds it is not sent any more."""
    post_until(mail, now_ms() + good_for_s * 1_000)


def post_until(mail: Mail, not_after: int, *, key: str | None = None) -> None:
    """Queues a mail that is of no use after `not_after` (Unix ms)."""
    # Made here, so that a mail that is sent twice has one identity, and is shown once.
    send_mail.using(not_after=not_after, key=key).enqueue(**asdict(mail), message_id=new_identity())
