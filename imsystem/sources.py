"""Where a request comes from: the one rule for which addresses are the same source.

Every limit that counts by address, and every comparison of where two sign-ins came from, uses
`source_of`. A client with one IPv6 address has its whole /64 (RFC 6177 hands sites a /48 to a /64),
and privacy extensions (RFC 8981) change the lower half daily, so the /64 is what counts.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

# Callers without an address (a Unix socket, a proxy that sends no address) share one source:
# without a limit, somebody who manages to hide the address would have none.
UNKNOWN = "unknown"


@lru_cache(maxsize=4_000)  # a proxy or an office has many
def address_of(text: str) -> str:
    """Returns the address in its usual form, an IPv4 address mapped into IPv6 as IPv4, without a
    zone; "" for anything else."""
    address = _parse(text)
    return "" if address is None else str(address)


@lru_cache(maxsize=4_000)
def source_of(text: str) -> str:
    """Returns what limits count: an IPv4 address, the /64 of an IPv6 address, or UNKNOWN."""
    address = _parse(text)
    if address is None:
        return UNKNOWN
    if isinstance(address, IPv6Address):
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


def source_of_client(client: object) -> str:
    """Returns the same for the `client` of an ASGI scope: (host, port), or None."""
    return source_of(str(client[0])) if isinstance(client, list | tuple) and client else UNKNOWN


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
