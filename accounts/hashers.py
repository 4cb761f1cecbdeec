"""How passwords are hashed."""

import os
from threading import BoundedSemaphore

from django.contrib.auth.hashers import Argon2PasswordHasher

# A hash takes 19 MiB and one core. More at once than there are cores is no faster, and a hundred
# sign-ins in the same second would take 2 GB.
_slots = BoundedSemaphore(max(2, os.cpu_count() or 2))


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id with the parameters OWASP gives as the minimum: 19 MiB, two passes, one lane."""

    memory_cost = 19_456
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with _slots:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _slots:
            return super().verify(password, encoded)
