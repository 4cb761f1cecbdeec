"""Which addresses are one source: the /64 of IPv6, mapped IPv4 as IPv4, all unknown as one."""

from typing import Any

import pytest

from imsystem.sources import UNKNOWN, address_of, source_of, source_of_client

CASES = [
    ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
    ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
    ("::FFFF:C000:201", "192.0.2.1", "192.0.2.1"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ("2001:0DB8:0001:0002::9", "2001:db8:1:2::9", "2001:db8:1:2::/64"),
    ("2001:db8:1:3::9", "2001:db8:1:3::9", "2001:db8:1:3::/64"),
    ("fe80::1%eth0", "fe80::1", "fe80::/64"),
    ("::1", "::1", "::/64"),
    *[
        (odd, "", UNKNOWN)
        for odd in ("", "testserver", "unknown", "192.0.2", "192.0.2.1:80", "[::1]", "1" * 9_999)
    ],
]


@pytest.mark.parametrize(("text", "address", "source"), CASES)
def test_addresses(text: str, address: str, source: str) -> None:
    assert (address_of(text), source_of(text)) == (address, source)


@pytest.mark.parametrize(
    ("client", "source"),
    [
        (("192.0.2.1", 4_000), "192.0.2.1"),
        (["::ffff:192.0.2.1", 4_000], "192.0.2.1"),
        (("2001:db8:1:2::9", 4_000), "2001:db8:1:2::/64"),
        (("testserver", 80), UNKNOWN),
        ((None, None), UNKNOWN),
        (None, UNKNOWN),
        ((), UNKNOWN),
    ],
)
def test_clients_of_a_scope(client: Any, source: str) -> None:
    assert source_of_client(client) == source
