"""How passwords are hashed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.contrib.auth.hashers import Argon2PasswordHasher

from imsystem.errors import Unavailable

# A hash takes 19 MiB and one core. Computing more at once than there are cores is no faster, and a
# hundred sign-ins in the same second would take 2 GB.
_slots = BoundedSemaphore(max(2, os.cpu_count() or 2))
# In a flood of sign-ins some are told to come back later, because each that waits holds a thread.
WAIT_S = 5.0


@contextmanager
def _slot() -> Iterator[None]:
    """Waits for room for one hash. Raises Unavailable when there is none within WAIT_S."""
    if not _slots.acquire(timeout=WAIT_S):
        raise Unavailable
    try:
        yield
    finally:
        _slots.release()


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id with the parameters that OWASP gives as the minimum: 19 MiB, two passes, one
    lane."""

    memory_cost = 19_456
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with _slot():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _slot():
            return super().verify(password, encoded)
