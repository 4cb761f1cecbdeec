"""Who has signed in before, told by what a request carries alone: no database is asked.

For what has to be decided before a request is read, such as whether there is room for its body. It
says nothing of rights: a session may have been revoked since.
"""

from http.cookies import CookieError, SimpleCookie
from typing import Any

from django.conf import settings

from accounts import trusted_devices
from accounts.authentication import bearer_token
from accounts.tokens import read_access
from imsystem.errors import NotAuthenticated


def is_known(scope: dict[str, Any]) -> bool:
    """Whether an ASGI request has an access token, or a device's cookie, that we have signed."""
    headers = dict(scope["headers"])
    return _has_token(headers.get(b"authorization", b"")) or _has_device(
        headers.get(b"cookie", b"")
    )


def _has_token(header: bytes) -> bool:
    try:
        read_access(bearer_token(header))
    except NotAuthenticated:
        return False
    return True


def _has_device(header: bytes) -> bool:
    try:
        cookies = SimpleCookie(header.decode("latin-1"))
    except CookieError:
        return False
    found = cookies.get(settings.DEVICE_COOKIE_NAME)
    return found is not None and trusted_devices.is_signed(found.value)
