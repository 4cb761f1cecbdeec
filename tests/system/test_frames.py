"""Frames at the real server: the size limit, and what a stopping server says."""

import json
from collections.abc import AsyncIterator, Iterator

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from imsystem.client_limits import FRAME_BYTES
from tests.system.people import Person, register
from tests.system.system import System


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    running = System(tmp_path_factory.mktemp("frames"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
async def person(system: System) -> AsyncIterator[Person]:
    registered = await register(system.url, system.data_dir / "mail", "frames")
    yield registered
    await registered.api.aclose()


def socket(system: System, token: str) -> "connect":
    return connect(
        system.url.rstrip("/").replace("http", "ws", 1) + "/ws/",
        additional_headers={"Authorization": f"Bearer {token}"},
        subprotocols=["im.v1"],  # type: ignore[list-item]
    )


def ping_of(size: int) -> str:
    """Returns a `ping` of so many bytes; unknown fields are ignored."""
    empty = json.dumps({"type": "ping", "id": "1", "padding": ""})
    return json.dumps({"type": "ping", "id": "1", "padding": "x" * (size - len(empty))})


async def close_code(client: ClientConnection) -> int | None:
    """Waits for the end; frames that come before it are skipped."""
    try:
        while True:
            await client.recv()
    except ConnectionClosed:
        return client.close_code


async def test_a_frame_of_64_kib_is_taken_and_one_byte_more_is_1009(
    system: System, person: Person
) -> None:
    async with socket(system, person.token) as big, socket(system, person.token) as other:
        for client in (big, other):
            assert json.loads(await client.recv())["type"] == "ready"
        await big.send(ping_of(FRAME_BYTES))
        assert json.loads(await big.recv()) == {"type": "ack", "id": "1"}
        await big.send(ping_of(FRAME_BYTES + 1))
        assert await close_code(big) == 1009
        await other.send(ping_of(100))
        assert json.loads(await other.recv()) == {"type": "ack", "id": "1"}


async def test_a_stopping_server_says_1012(system: System, person: Person) -> None:
    async with socket(system, person.token) as client:
        await client.recv()
        system.stop()
        assert await close_code(client) == 1012
