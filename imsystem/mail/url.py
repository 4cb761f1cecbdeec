"""EMAIL_URL as Django's settings."""

from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

SMTP_BACKEND = "imsystem.mail.backends.SmtpBackend"
# Scheme: encryption, and the port that goes with it (RFC 8314).
_SMTP = {
    "smtp": (None, 25),
    "smtp+tls": ("EMAIL_USE_TLS", 587),
    "smtps": ("EMAIL_USE_TLS", 587),
    "smtp+ssl": ("EMAIL_USE_SSL", 465),
}
_FILES = {
    "filemail": "imsystem.mail.backends.FileBackend",
    "echomail": "imsystem.mail.backends.EchoFileBackend",
}
_PLAIN = {
    "consolemail": "django.core.mail.backends.console.EmailBackend",
    "memorymail": "django.core.mail.backends.locmem.EmailBackend",
    "dummymail": "django.core.mail.backends.dummy.EmailBackend",
}
# No part of the address is repeated: it holds a password.
_FAULT = (
    "EMAIL_URL cannot be read. Write smtp+tls://user:password@host:587; in user and password "
    "write / as %2F, # as %23, ? as %3F, @ as %40, : as %3A and % as %25."
)


def email_settings(url: str) -> dict[str, Any]:
    """Returns the EMAIL_* settings for an address. Raises ImproperlyConfigured without a secret in
    it."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ImproperlyConfigured(_FAULT)
    if scheme in _FILES:
        return {"EMAIL_BACKEND": _FILES[scheme], "EMAIL_FILE_PATH": rest}
    if scheme in _PLAIN:
        return {"EMAIL_BACKEND": _PLAIN[scheme]}
    if scheme not in _SMTP:
        raise ImproperlyConfigured(_FAULT)
    return _smtp_settings(scheme, url)


def _smtp_settings(scheme: str, url: str) -> dict[str, Any]:
    encryption, port = _SMTP[scheme]
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or port
    except ValueError:  # its text would quote the password
        raise ImproperlyConfigured(_FAULT) from None
    if not host or "#" in url or "?" in url or parts.path.strip("/"):
        raise ImproperlyConfigured(_FAULT)
    return {
        "EMAIL_BACKEND": SMTP_BACKEND,
        "EMAIL_HOST": host,
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        **({encryption: True} if encryption else {}),
    }
