"""How many connections a web process keeps: of all clients together, and of one address.

A connection takes a file descriptor. When none is left nobody gets in, and databases and files
cannot be opened either. So some descriptors are always kept back, one address gets half of the rest
at most, and connections on which nothing happens make room for new ones.
"""

import logging
import resource
from asyncio import Transport
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from django.conf import settings

from imsystem.loops import PerLoop
from imsystem.ops import metrics
from imsystem.ops.logs import Seldom
from imsystem.sources import UNKNOWN, source_of, source_of_client

logger = logging.getLogger(__name__)

# Kept back for databases (two pools of MongoDB with up to 100 each, 40 threads that ask Redis) and
# files. Under a low limit a quarter of it: a small system has few users.
RESERVED = 256

Room = Callable[[], int]


def room_by_descriptors() -> int:
    """How many connections the limit of open files leaves. Asked anew each time (half a
    microsecond): the limit of a running process can be changed."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return settings.CONNECTIONS_PER_PROCESS
    return min(settings.CONNECTIONS_PER_PROCESS, soft - min(RESERVED, soft // 4))


class Connections:
    """The open connections of one process. `proxies` are not counted as one address: they bring
    everybody's requests. `per_source`: 0 for no limit."""

    def __init__(self, room: Room, per_source: int, proxies: Sequence[str] = ()) -> None:
        self._room = room
        self._per_source = per_source
        self._is_proxy = lru_cache(maxsize=1_000)(_member_of(proxies))
        self._source: dict[Transport, str] = {}
        self._count: Counter[str] = Counter()
        # On which nothing happens, the longest idle first (dicts keep their order): all, and by
        # address.
        self._idle: dict[Transport, None] = {}
        self._idle_of: dict[str, dict[Transport, None]] = {}
        self._log = Seldom(logger)

    def __len__(self) -> int:
        return len(self._source)

    def enter(self, transport: Transport) -> bool:
        """Counts a new, idle connection; `leave` must follow. False, and nothing to follow, when
        there is no room although idle connections have made way."""
        source, room = self._source_of(transport), self._room()
        most = min(self._per_source, room // 2) if self._per_source else room
        if source and self._count[source] >= most and not self._drop(self._idle_of.get(source)):
            self._refuse("%s has %d connections and gets no more", source, self._count[source])
            return False
        if len(self._source) >= room and not self._drop(self._idle):
            self._refuse("this process has %d connections and takes no more", len(self._source))
            return False
        self._source[transport] = source
        self._count[source] += 1
        self.idle(transport)
        return True

    def idle(self, transport: Transport) -> None:
        """Nothing is asked on this connection from now on."""
        source = self._source.get(transport)
        if source is not None:
            self._idle[transport] = None
            self._idle_of.setdefault(source, {})[transport] = None

    def busy(self, transport: Transport) -> None:
        """Something is asked on this connection: it does not make way for others."""
        if transport in self._idle:
            self._forget_idle(transport, self._source[transport])

    def leave(self, transport: Transport) -> None:
        """A connection has ended. Nothing for one that was not let in."""
        source = self._source.get(transport)
        if source is None:
            return
        self.busy(transport)
        del self._source[transport]
        self._count[source] -= 1
        if not self._count[source]:
            del self._count[source]

    def _forget_idle(self, transport: Transport, source: str) -> None:
        del self._idle[transport]
        of_source = self._idle_of[source]
        del of_source[transport]
        if not of_source:
            del self._idle_of[source]

    def _drop(self, idle: dict[Transport, None] | None) -> bool:
        """Hangs up on the one that was idle longest; False when none is."""
        oldest = next(iter(idle), None) if idle else None
        if oldest is None:
            return False
        metrics.dropped.labels("idle").inc()
        self.leave(oldest)
        oldest.abort()
        return True

    def _source_of(self, transport: Transport) -> str:
        """The address that is counted; "" for proxies and Unix sockets."""
        source = source_of_client(transport.get_extra_info("peername"))
        return "" if source == UNKNOWN or self._is_proxy(source) else source

    def _refuse(self, text: str, *arguments: object) -> None:
        metrics.dropped.labels("full").inc()
        self._log.warning(text, *arguments)


def _member_of(proxies: Sequence[str]) -> Callable[[str], bool]:
    networks: list[IPv4Network | IPv6Network] = []
    for proxy in proxies:
        try:
            networks.append(ip_network(proxy, strict=False))
        except ValueError:  # a system check says so (imsystem.E006)
            continue

    def holds(source: str) -> bool:
        address = ip_address(source.partition("/")[0])
        return any(
            address in network or (network.version == 6 and _one_source(network, source))
            for network in networks
        )

    return holds


def _one_source(network: IPv4Network | IPv6Network, source: str) -> bool:
    """A single IPv6 address as a proxy: all its network of 64 bits is one source."""
    return source_of(str(network.network_address)) == source


def _make() -> Connections:
    per_source = settings.CONNECTIONS_PER_IP
    return Connections(room_by_descriptors, per_source, settings.TRUSTED_PROXIES)


current_connections = PerLoop(_make)
