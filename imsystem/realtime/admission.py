"""Who may open one more socket here. Counted in this process: no database is asked, so that a flood
of handshakes costs nobody else anything."""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from imsystem.env import UNLIMITED, Rate
from imsystem.errors import RateLimited, Unavailable
from imsystem.loops import PerLoop
from imsystem.ops.logs import Seldom
from imsystem.realtime import close_codes
from imsystem.realtime.buckets import Buckets
from imsystem.realtime.connection import Connection

logger = logging.getLogger(__name__)

# A full address stays full for a while: somebody has to close a socket first.
FULL_RETRY_S = 30


@dataclass(frozen=True, slots=True)
class Caps:
    """How many sockets there may be at once; 0 for as many as come."""

    per_user: int
    per_ip: int
    per_process: int
    handshakes: int


def _caps() -> Caps:
    return Caps(
        settings.SOCKETS_PER_USER,
        settings.SOCKETS_PER_IP,
        settings.SOCKETS_PER_PROCESS,
        settings.HANDSHAKES_AT_ONCE,
    )


def in_force(rate: Rate) -> Rate:
    """Returns the rate, unless RATE_LIMITS=off lifts all."""
    return rate if settings.RATE_LIMITS else UNLIMITED


class Admission:
    """One for each process and event loop."""

    def __init__(self, caps: Caps, per_ip: Rate, per_user: Rate) -> None:
        self.sockets = 0
        self.handshakes = 0
        self._caps = caps
        self._of_ip: Counter[str] = Counter()
        # Oldest first: dicts keep their order.
        self._of_user: dict[str, dict[Connection, None]] = {}
        self._connects_of_ip = Buckets(per_ip)
        self._connects_of_user = Buckets(per_user)
        self._log = Seldom(logger)

    def enter(self, ip: str) -> None:
        """Lets a handshake in; `leave` must follow. `ip` is the source (imsystem.sources). Raises
        RateLimited for a source with too many, Unavailable when the process is full."""
        if _reached(self.sockets, self._caps.per_process):
            self._log.warning("this process has %d sockets and takes no more", self.sockets)
            raise Unavailable
        if _reached(self.handshakes, self._caps.handshakes):
            raise Unavailable
        self._check_ip(ip)
        self._of_ip[ip] += 1
        self.sockets += 1
        self.handshakes += 1

    def _check_ip(self, ip: str) -> None:
        if _reached(self._of_ip[ip], self._caps.per_ip):
            hint = "%s has %d sockets and gets no more; a proxy belongs into TRUSTED_PROXIES"
            self._log.warning(hint, ip, self._of_ip[ip])
            raise RateLimited(FULL_RETRY_S)
        wait_s = self._connects_of_ip.take(ip, time.monotonic())
        if wait_s:
            raise RateLimited(math.ceil(wait_s))

    def shaken(self) -> None:
        """A handshake is over, whatever its outcome."""
        self.handshakes -= 1

    def leave(self, ip: str) -> None:
        self.sockets -= 1
        self._of_ip[ip] -= 1
        if not self._of_ip[ip]:
            del self._of_ip[ip]

    def admit(self, connection: Connection) -> None:
        """Admits a socket whose user is known; `dismiss` must follow. When the user has too many,
        the oldest is closed: it is the one that may be dead. Raises RateLimited, and `dismiss` must
        not follow, for a user who connects too often."""
        user = connection.user_identity
        wait_s = self._connects_of_user.take(user, time.monotonic())
        if wait_s:
            raise RateLimited(math.ceil(wait_s))
        sockets = self._of_user.setdefault(user, {})
        while _reached(len(sockets), self._caps.per_user):
            oldest = next(iter(sockets))
            del sockets[oldest]
            oldest.cut(close_codes.TOO_MANY_SOCKETS)
        sockets[connection] = None

    def dismiss(self, connection: Connection) -> None:
        sockets = self._of_user.get(connection.user_identity, {})
        sockets.pop(connection, None)
        if not sockets:
            self._of_user.pop(connection.user_identity, None)


def _reached(count: int, cap: int) -> bool:
    return 0 < cap <= count


def _make() -> Admission:
    return Admission(
        _caps(), in_force(settings.CONNECTS_PER_IP), in_force(settings.CONNECTS_PER_USER)
    )


current_admission: Callable[[], Admission] = PerLoop(_make)
