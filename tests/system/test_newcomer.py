"""Somebody tries the system for the first time: one command, an empty directory."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.system.conftest import Measured
from tests.system.people import Person, register, room_of, sign_in
from tests.system.system import System

# What a newcomer waits for; on a slow and busy machine more than twice as long is no failure.
FIRST_PAGE_WITHIN_S = 8.0
PATIENCE = 2.5


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    running = System(tmp_path)
    yield running
    running.stop()


def test_from_nothing_to_the_first_page(system: System, measured: Measured) -> None:
    started = time.monotonic()
    printed = system.start()
    page = httpx.get(system.url, follow_redirects=True)
    took = time.monotonic() - started
    measured(f"first page {took:.1f} s after the command")
    assert page.status_code == 200
    assert 'name="account"' in page.text
    assert took < FIRST_PAGE_WITHIN_S * PATIENCE
    _explains_itself(printed, system)


def _explains_itself(printed: str, system: System) -> None:
    """One line for each part, the address, and nothing that looks like a problem."""
    lines = printed.splitlines()
    parts = [line.split()[0] for line in lines if re.match(r"  \w+ +\d+\.\d s  ", line)]
    assert sorted(parts) == ["migrations", "mongodb", "redis", "web"]
    assert f"{system.url}/" in lines[-1]
    assert len(lines) == len(parts) + 2  # the note about embedded databases, and the address


async def test_a_second_start_keeps_people_and_messages(system: System, measured: Measured) -> None:
    system.start()
    alice = await register(system.url, system.data_dir / "mail", "alice")
    room = await room_of([alice])
    body = {"client_id": "first", "data": "Is anybody there? 有人吗？"}
    sent = await alice.call("POST", f"rooms/{room}/messages/", **body)
    assert system.stop() == 0

    started = time.monotonic()
    printed = system.start()
    measured(f"second start {time.monotonic() - started:.1f} s")
    assert "up to date" in printed
    again = await sign_in(alice)
    assert [message["data"] for message in await again.history(room)] == [body["data"]]
    await _is_still_signed_in(alice, room, sent["identity"])
    for person in (alice, again):
        await person.api.aclose()


async def _is_still_signed_in(person: Person, room: str, identity: str) -> None:
    """The token from before works, and so does the client_id: the message is known."""
    body = {"client_id": "first", "data": "something else"}
    repeated = await person.call("POST", f"rooms/{room}/messages/", **body)
    assert repeated["duplicate"] is True
    assert repeated["identity"] == identity
