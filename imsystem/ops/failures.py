"""Turns the failures that an operator meets into one line that says what to do next."""

import errno

from django.core.exceptions import ImproperlyConfigured
from pymongo.errors import PyMongoError

from imsystem.outage import is_outage

NO_DATABASE = "{} does not answer ({}). Is the system running? `manage.py up` starts it."


def one_line(exc: BaseException) -> str | None:
    """Returns the line for a wrong setting, a database that is down or a full disk.

    Returns None for everything else: that is a fault of ours, and its traceback is wanted.
    """
    if isinstance(exc, ImproperlyConfigured):
        return " ".join(str(exc).split())
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full: {exc.filename or 'no space left on the device'}."
    if is_outage(exc):
        mongodb = any(isinstance(each, PyMongoError) for each in (exc, exc.__cause__))
        names = ("MongoDB", "MONGODB_URL") if mongodb else ("Redis", "REDIS_URL")
        return NO_DATABASE.format(*names)
    return None
