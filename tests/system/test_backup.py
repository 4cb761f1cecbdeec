"""A backup of a system under load becomes another system, and no acknowledged word is missing."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.system.burst import Burst, all_connected
from tests.system.clients import Client
from tests.system.conftest import Measured
from tests.system.people import Person, register_all, room_of, sign_in
from tests.system.system import System
from tests.up import manage


@pytest.fixture
def systems(tmp_path_factory: pytest.TempPathFactory) -> "Systems":
    return Systems(tmp_path_factory.mktemp("backup"))


class Systems:
    """Two systems on the same two databases, distinguished by name; the second one has the first
    one's secrets, and stale counters in its Redis."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.first = System(home, MESSAGES_PER_USER="off")
        self.variables: dict[str, str] = {}

    def look_up(self) -> None:
        data = self.first.data_dir
        endpoints = json.loads((data / "endpoints.json").read_text())
        secrets = json.loads((data / "secrets.json").read_text())
        self.variables = {**endpoints, **secrets, "MONGODB_NAME": "second"}

    def second(self) -> System:
        (self.home / "second").mkdir()
        return System(self.home / "second", **self.variables)


async def test_what_was_acknowledged_is_in_the_restored_system(
    systems: Systems, measured: Measured
) -> None:
    first = systems.first
    await asyncio.to_thread(first.start)
    try:
        systems.look_up()
        people = await register_all(first.url, first.data_dir / "mail", 2)
        room = await room_of(people)
        place = systems.home / "night.tar"
        async with all_connected(people) as clients, Burst(clients[:1], room) as burst:
            await burst.until_acked(100)
            before = {key for client in clients for key in client.acked}
            made = await asyncio.to_thread(
                manage, "backup", str(place), DATA_DIR=str(first.data_dir)
            )
            assert made.returncode == 0, made.stdout
            await burst.until_acked(len(before) + 50)
            await burst.stop()
        done = await asyncio.to_thread(manage, "restore", str(place), **systems.variables)
        assert done.returncode == 0, done.stdout
        assert "Everything has been restored" in done.stdout
        second = systems.second()
        await asyncio.to_thread(second.start)
        try:
            await _goes_on(second, people[0], room, before, measured)
        finally:
            await asyncio.to_thread(second.stop)
    finally:
        await asyncio.to_thread(first.kill)  # a clean end of its database takes 4 s
    for person in people:
        await person.api.aclose()


async def _goes_on(
    second: System, person: Person, room: str, before: set[str], measured: Measured
) -> None:
    """The same users and rooms: a prefix with all of `before` in it, then the next number."""
    person.url = second.url
    restored = await sign_in(person)
    history = await restored.history(room)
    seqs = [message["seq"] for message in history]
    assert seqs == list(range(1, len(seqs) + 1))
    assert before <= {message["client_id"] for message in history}
    async with Client(second.url, person.token) as client:  # the token of the first system
        sent = await client.send(room, "after the restore")
    assert sent["seq"] == len(seqs) + 1
    await restored.api.aclose()
    measured(f"{len(before)} acked before the backup, {len(seqs)} in it")
