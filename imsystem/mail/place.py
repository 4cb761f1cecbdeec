"""Where mails that are never sent can be read: in a trial, on this machine."""

from ipaddress import ip_address
from typing import NamedTuple

from django.conf import settings

from imsystem.mail.delivery import LOCAL_NAMES

ECHO, FILES = "EchoFileBackend", ".FileBackend"
CONSOLE = "console.EmailBackend"


class Place(NamedTuple):
    """`directory` is empty when mails go to the console only."""

    directory: str
    on_console: bool


def trial_place(visitor: str) -> Place | None:
    """Returns None when mails are sent, or when the visitor is not at this machine.

    Behind a proxy everybody may look local, so a server that has a public name tells nobody.
    """
    is_trial = set(settings.ALLOWED_HOSTS) <= set(LOCAL_NAMES) and not settings.HTTPS
    if not is_trial or not _is_loopback(visitor):
        return None
    if settings.EMAIL_BACKEND.endswith((ECHO, FILES)):
        directory = str(getattr(settings, "EMAIL_FILE_PATH", ""))
        return Place(directory, on_console=settings.EMAIL_BACKEND.endswith(ECHO))
    return Place("", on_console=True) if settings.EMAIL_BACKEND.endswith(CONSOLE) else None


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
