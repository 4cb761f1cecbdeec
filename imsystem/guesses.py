"""Lookups by something that can be guessed: numbers of rooms, names and identities of users.

Only misses count. A client that asks for what exists is never slowed down; one that tries value
after value soon gets no answer at all, not even for what exists.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from imsystem.errors import AppError, NotFound
from imsystem.limits import Limit
from imsystem.sources import source_of

MISSES = Limit.at("misses", settings.MISSES_PER_USER, lenient=True)
MISSES_OF_SOURCE = Limit.at("misses_of_source", settings.MISSES_PER_IP, lenient=True)


@contextmanager
def guessing(
    user_identity: str, source: str = "", misses: type[AppError] = NotFound
) -> Iterator[None]:
    """Wraps a lookup by one user from one source (an address, "" when it is not known).

    `misses` raised inside counts as one. Raises RateLimited, before anything is looked up, when
    there were too many, and instead of a miss that is one too many.
    """
    limits = [(MISSES, user_identity)]
    if source:
        limits.append((MISSES_OF_SOURCE, source_of(source)))
    for limit, key in limits:
        limit.check(key)
    try:
        yield
    except misses:
        for limit, key in limits:
            limit.take(key)
        raise
