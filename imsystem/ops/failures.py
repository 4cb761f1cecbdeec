"""Turns the failures that an operator meets into one line that says what to do next."""

import errno

from django.core.exceptions import ImproperlyConfigured
from pymongo.errors import OperationFailure, PyMongoError

from imsystem.outage import is_outage

NO_DATABASE = "{} does not answer ({}). Is the system running? `manage.py up` starts it."

# Unauthorized, AuthenticationFailed, AtlasError (a password that is wrong there).
_REFUSED = {13: "lacks the rights", 18: "is refused", 8_000: "is refused"}
NO_RIGHTS = (
    "The user in MONGODB_URL {} (code {}). It needs the role readWrite on the database; "
    "docs/operations.md has the engines."
)


def refused_user(exc: BaseException | None) -> str | None:
    """Returns the line for a user whom MongoDB refuses; None for every other error."""
    while exc is not None:
        if isinstance(exc, OperationFailure) and exc.code in _REFUSED:
            return NO_RIGHTS.format(_REFUSED[exc.code], exc.code)
        exc = exc.__cause__
    return None


def one_line(exc: BaseException) -> str | None:
    """Returns the line for a wrong setting, a database that is down or a full disk.

    Returns None for everything else: that is a fault of ours, and its traceback is wanted.
    """
    if isinstance(exc, ImproperlyConfigured):
        return " ".join(str(exc).split())
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full: {exc.filename or 'no space left on the device'}."
    if (refused := refused_user(exc)) is not None:
        return refused
    if is_outage(exc):
        mongodb = any(isinstance(each, PyMongoError) for each in (exc, exc.__cause__))
        names = ("MongoDB", "MONGODB_URL") if mongodb else ("Redis", "REDIS_URL")
        return NO_DATABASE.format(*names)
    return None
