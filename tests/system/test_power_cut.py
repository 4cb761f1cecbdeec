"""`up` and everything it has started die at once in the middle of a burst, and are started again on
what they left behind (F5c of tests/faults: the same for parts that are not its own)."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.system.burst import (
    SETTLED_WITHIN_S,
    Burst,
    all_connected,
    stored_is_what_was_acked,
)
from tests.system.clients import until
from tests.system.conftest import Measured
from tests.system.people import register_all, room_of
from tests.system.system import System


@pytest.fixture
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home = tmp_path_factory.mktemp("power-cut")
    running = System(home, "--workers", "2", MESSAGES_PER_USER="off")
    running.start()
    yield running
    running.stop()


async def test_nothing_acknowledged_is_lost(system: System, measured: Measured) -> None:
    people = await register_all(system.url, system.data_dir / "mail", 6)
    room = await room_of(people)
    async with all_connected(people) as clients, Burst(clients, room) as burst:
        await burst.until_acked(300)
        await asyncio.to_thread(system.kill)
        await asyncio.to_thread(system.start)
        await until(lambda: all(client.connected for client in clients), SETTLED_WITHIN_S)
        await burst.until_acked(100)
        await burst.stop()
        last = await until(lambda: burst.complete(burst.head), SETTLED_WITHIN_S)
        measured(f"{burst.acked} acked, complete {last:.2f} s after the last")
        await stored_is_what_was_acked(people[0], burst)
    for person in people:
        await person.api.aclose()
