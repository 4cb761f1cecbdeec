"""Devices that an account's owner has signed in on, known by a cookie.

The cookie grants nothing. It only keeps a stranger's guesses from using up the tries of the owner's
own device (OWASP, "Slow down online guessing attacks with device cookies"). For each account it
holds a number by which limits count, so that a copied cookie is worth no more tries than one
device.
"""

from secrets import token_hex

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from accounts.models import User

MAX_ACCOUNTS = 8  # a family's computer
MAX_AGE_S = 180 * 24 * 3600
_SALT = "accounts.trusted_devices"
_NOTE = "_trusted_user"


def token_of(request: HttpRequest) -> str:
    """Returns what the request's cookie says, unchecked; "" without one."""
    return request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")


def device_of(token: str, user: User | None) -> str:
    """Returns the number of this device if `user` has signed in on it, else ""."""
    return "" if user is None else _read(token).get(user.identity, "")


def is_signed(token: str) -> bool:
    """Whether somebody has signed in where this cookie is from."""
    return bool(_read(token))


def trust(request: HttpRequest, user: User) -> None:
    """Makes the answer to this request carry the cookie: `user` has just proved who they are."""
    setattr(request, _NOTE, user)


def add_cookie(request: HttpRequest, response: HttpResponseBase) -> None:
    """Sets the cookie if somebody proved who they are in this request."""
    user: User | None = getattr(request, _NOTE, None)
    if user is None:
        return
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        _with_user(token_of(request), user),
        max_age=MAX_AGE_S,
        secure=settings.HTTPS,
        httponly=True,
        samesite="Lax",
    )


def _with_user(token: str, user: User) -> str:
    """Returns the token with this user in it, newest last. A device keeps its number: a new one at
    each sign-in would be a new count of tries each time."""
    devices = _read(token)
    devices[user.identity] = devices.pop(user.identity, "") or token_hex(8)
    return signing.dumps(dict(list(devices.items())[-MAX_ACCOUNTS:]), salt=_SALT)


def _read(token: str) -> dict[str, str]:
    try:
        devices: dict[str, str] = signing.loads(token, salt=_SALT, max_age=MAX_AGE_S)
    except signing.BadSignature:
        return {}
    return devices
