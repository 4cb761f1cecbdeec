"""What a mail is on its way: an entry of a queue in Redis first, then a job (imsystem.jobs).

`posting` puts mails into the queue, `handover` makes jobs of them, and the web processes send them.
A slow or dead mail server delays no answer, and an answer's time does not tell which mail was sent.
A mail is tried again until it is too late for it to be of use; it may arrive twice when a process
dies between sending it and noting that, and is not lost when one dies before.
"""

from dataclasses import dataclass

from imsystem.jobs.tasks import Queue, job
from imsystem.mail.delivery import deliver
from imsystem.redis import key

PURPOSE = "outbox"
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
    """Hands one mail to the mail server. Raises GiveUp when it is refused for good."""
    deliver(to, subject, body, message_id)


def queue_key() -> str:
    """A sorted set of identities by the time (Unix ms) at which a process may take them."""
    return key("{outbox}")


def key_of(identity: str) -> str:
    """One mail: a hash, which Redis forgets when the mail is too late."""
    return key("{outbox}", identity)
