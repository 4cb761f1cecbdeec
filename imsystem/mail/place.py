"""Where mails can be read that are never sent: in a trial, on this machine."""

from ipaddress import ip_address

from django.conf import settings

from imsystem.mail.delivery import LOCAL_NAMES


def trial_place(visitor: str) -> str:
    """A directory, "console", or "" when mails are sent or the visitor is not at this machine.

    A proxy can make everybody look local, so a server that has a public name tells nobody.
    """
    if not _is_loopback(visitor) or not set(settings.ALLOWED_HOSTS) <= set(LOCAL_NAMES):
        return ""
    if settings.HTTPS:
        return ""
    if settings.EMAIL_BACKEND.endswith("FileBackend"):
        return str(getattr(settings, "EMAIL_FILE_PATH", ""))
    return "console" if settings.EMAIL_BACKEND.endswith("console.EmailBackend") else ""


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
