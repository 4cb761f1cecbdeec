"""How many connections there may be, and which make room for new ones."""

import asyncio
import resource
from collections.abc import Sequence
from typing import Any

import pytest

from imsystem.embedded.connections import RESERVED, Connections, room_by_descriptors

ALICE, BOB, EVE = "198.51.100.1", "198.51.100.2", "2001:db8::1"


class Line(asyncio.Transport):
    """A connection from an address."""

    def __init__(self, ip: str) -> None:
        super().__init__({"peername": (ip, 50_000)})
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def lines(connections: Connections, *ips: str, busy: bool = False) -> list[Line]:
    """New connections from these addresses; all are let in."""
    made = [Line(ip) for ip in ips]
    for line in made:
        assert connections.enter(line)
        if busy:
            connections.busy(line)
    return made


def many(room: int = 10, per_source: int = 3, proxies: Sequence[str] = ()) -> Connections:
    return Connections(lambda: room, per_source, proxies)


def test_one_address_has_so_many() -> None:
    connections = many()
    lines(connections, ALICE, ALICE, ALICE, busy=True)
    assert not connections.enter(Line(ALICE))
    assert len(connections) == 3
    lines(connections, BOB, busy=True)


def test_the_longest_idle_one_of_an_address_makes_room_for_its_next() -> None:
    connections = many()
    [bob] = lines(connections, BOB)
    first, second, third = lines(connections, ALICE, ALICE, ALICE)
    connections.busy(first)
    lines(connections, ALICE)
    assert [line.aborted for line in (bob, first, second, third)] == [False, False, True, False]
    connections.idle(first)
    lines(connections, ALICE, ALICE)
    assert [line.aborted for line in (bob, first, third)] == [False, False, True]


def test_the_longest_idle_one_of_all_makes_room() -> None:
    connections = many(room=4)
    alice, bob, eve = lines(connections, ALICE, BOB, EVE)
    connections.busy(alice)
    connections.busy(bob)
    connections.idle(bob)
    lines(connections, "198.51.100.4", "198.51.100.5")
    assert [line.aborted for line in (alice, bob, eve)] == [False, False, True]
    assert len(connections) == 4


def test_when_all_are_busy_nobody_gets_in() -> None:
    connections = many(room=3)
    alice, *_others = lines(connections, ALICE, BOB, EVE, busy=True)
    late = Line("198.51.100.4")
    assert not connections.enter(late)
    connections.leave(late)  # as its end is told, too
    assert len(connections) == 3
    connections.leave(alice)
    lines(connections, "198.51.100.4")


def test_one_address_gets_half_at_most() -> None:
    connections = many(room=4, per_source=100)
    lines(connections, ALICE, ALICE, busy=True)
    assert not connections.enter(Line(ALICE))


def test_a_network_of_64_bits_is_one_address() -> None:
    connections = many(per_source=2)
    lines(connections, EVE, "2001:db8::ffff", busy=True)
    assert not connections.enter(Line("2001:db8::2"))
    lines(connections, "2001:db8:0:1::1")


@pytest.mark.parametrize(
    ("proxy", "ip"),
    [("198.51.100.1", ALICE), ("198.51.100.0/24", BOB), ("2001:db8::1", EVE),
     ("fd00::/8", "fd00::1")],
)  # fmt: skip
def test_a_proxy_brings_everybody(proxy: str, ip: str) -> None:
    connections = many(room=10, proxies=["nonsense", proxy])
    lines(connections, *[ip] * 10, busy=True)
    assert not connections.enter(Line(ip))


def test_without_a_limit_and_without_an_address() -> None:
    lines(many(room=10, per_source=0), *[ALICE] * 10, busy=True)
    connections = many(room=10)
    for _ in range(10):
        line = Line(ALICE)
        line._extra["peername"] = ""  # a Unix socket's
        assert connections.enter(line)


def test_nothing_is_left_of_those_who_left() -> None:
    connections = many()
    for line in lines(connections, ALICE, BOB, EVE):
        connections.leave(line)
        connections.leave(line)
        connections.busy(line)
        connections.idle(line)
    assert len(connections) == 0
    left = (connections._source, connections._count, connections._idle, connections._idle_of)
    assert [*map(len, left)] == [0] * 4


@pytest.mark.parametrize(
    ("soft", "room"),
    [(1_024, 1_024 - RESERVED), (256, 192), (65_536, 25_000), (resource.RLIM_INFINITY, 25_000)],
)
def test_some_descriptors_are_kept_back(
    settings: Any, monkeypatch: pytest.MonkeyPatch, soft: int, room: int
) -> None:
    settings.CONNECTIONS_PER_PROCESS = 25_000
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (soft, soft))
    assert room_by_descriptors() == room
