"""What one user may make a web process read: a budget of work, over all doors and devices.

Counted in memory, because nearly every request and command asks. What may be done so many times an
hour is in imsystem/limits.py, what comes in frames and sockets in imsystem/realtime/.
"""

import math
import time
from threading import Lock

from django.conf import settings

from imsystem.env import Rate
from imsystem.errors import RateLimited
from imsystem.realtime.admission import in_force
from imsystem.realtime.buckets import Buckets

# A unit is a millisecond of processor time, of this process and its database together (SecantusDB).
# With 1,000 rooms whose newest messages are known, a list takes 65 ms, `ready` 91 ms; a page of 50
# messages 7 ms, a list of 1,000 members 200 ms. Rooms nobody has asked for since the process began
# take 1.8 ms more, once.
ROOM = 0.1
MEMBER = 0.2
MESSAGE = 0.1
COMMAND = 1.0
# `sync`: a room that is named; one among these that is not the user's (more than it costs: a client
# that names many of them is guessing); a membership read to know which (1,000: 40 ms); a room of
# which something is missing.
NAMED_ROOM = 0.02
FOREIGN_ROOM = 0.2
MEMBERSHIP = 0.05
BEHIND = 1.0


class Budget:
    """Units of work for each user or source. A user with anything left may begin what takes more;
    afterwards they wait for as much as that was."""

    def __init__(self, rate: Rate) -> None:
        self._buckets = Buckets(rate)
        self._lock = Lock()  # the event loop and threads

    def check(self, user_identity: str) -> None:
        """Raises RateLimited for a user who has nothing left."""
        with self._lock:
            wait_s = self._buckets.wait_s(user_identity, time.monotonic())
        if wait_s:
            raise RateLimited(math.ceil(wait_s))

    def spend(self, user_identity: str, units: float) -> None:
        """Takes what something has cost, even if there is less left."""
        with self._lock:
            self._buckets.spend(user_identity, time.monotonic(), units)


_reads: dict[Rate, Budget] = {}


def reads() -> Budget:
    """The budget of what is read (settings.READS_PER_USER)."""
    rate = in_force(settings.READS_PER_USER)
    budget = _reads.get(rate)
    if budget is None:
        budget = _reads.setdefault(rate, Budget(rate))
    return budget
