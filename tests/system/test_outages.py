"""Databases die, hang and come back in the middle of a conversation.

`up` ends when one of its own databases ends, so here they are started beside it.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx
import pytest

from tests.system.clients import Client, until
from tests.system.conftest import Measured
from tests.system.people import Person, register_all, room_of
from tests.system.system import Engine, System, mongodb, valkey

PEOPLE = 6
# After this a client that waits for an ack is told that it will get none.
ANSWER_WITHIN_S = 6.0
COMPLETE_WITHIN_S = 5.0
# A number that was taken when nobody could hear the answer is a hole for chat.holes.SETTLE_MS.
SETTLED_WITHIN_S = 15.0
PING_WITHIN_S = 1.0


@dataclass
class World:
    """A system with two workers, its databases, and people who share rooms."""

    system: System
    mongodb: Engine
    valkey: Engine
    people: list[Person]


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, Engine, Engine]]:
    home = tmp_path_factory.mktemp("outages")
    mongo, mongo_url = mongodb(home)
    redis, redis_url = valkey(home)
    addresses = {"MONGODB_URL": mongo_url, "REDIS_URL": redis_url}
    system = System(home, "--workers", "2", EMAIL_URL=f"echomail://{home}/mail", **addresses)
    try:
        mongo.start()
        redis.start()
        system.start()
        yield system, mongo, redis
    finally:
        mongo.thaw()
        redis.thaw()
        system.stop()
        redis.stop()
        mongo.stop()


@pytest.fixture(scope="module")
async def world(engines: tuple[System, Engine, Engine]) -> AsyncIterator[World]:
    system, mongo, redis = engines
    people = await register_all(system.url, system.data_dir.parent / "mail", PEOPLE)
    yield World(system, mongo, redis, people)
    for person in people:
        await person.api.aclose()


@asynccontextmanager
async def all_connected(people: list[Person], **options: bool) -> AsyncIterator[list[Client]]:
    async with AsyncExitStack() as stack:
        clients = [Client(person.url, person.token, **options) for person in people]
        for client in clients:
            await stack.enter_async_context(client)
        yield clients


class Burst:
    """Everybody talks at once until told to stop, and never gives a message up."""

    def __init__(self, clients: list[Client], room: str) -> None:
        self.clients = clients
        self.room = room
        self._over = asyncio.Event()
        self._talking: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._talking = [asyncio.create_task(self._talk(client)) for client in self.clients * 3]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for talking in self._talking:
            talking.cancel()
        await asyncio.gather(*self._talking, return_exceptions=True)

    async def _talk(self, client: Client) -> None:
        while not self._over.is_set():
            await client.send(self.room, secrets.token_hex(8))
            await asyncio.sleep(0.01)

    async def stop(self, within: float = 20.0) -> None:
        """Waits until every message that was begun is acknowledged."""
        self._over.set()
        async with asyncio.timeout(within):
            await asyncio.gather(*self._talking)

    async def until_acked(self, count: int) -> None:
        """Until so many more messages are acknowledged."""
        enough = self.acked + count
        await until(lambda: self.acked >= enough)

    @property
    def acked(self) -> int:
        return sum(len(client.acked) for client in self.clients)

    @property
    def head(self) -> int:
        """The newest message that was acknowledged."""
        return max(message["seq"] for c in self.clients for message in c.acked.values())

    def complete(self, seq: int) -> bool:
        """True when every client shows everything up to here."""
        return all(client.rooms[self.room].seq >= seq for client in self.clients)

    def slowest(self) -> float:
        return max(seconds for client in self.clients for _code, seconds in client.answers)

    def codes(self) -> Counter[str]:
        return Counter(code for client in self.clients for code, _seconds in client.answers)


async def stored_is_what_was_acked(person: Person, burst: Burst) -> None:
    """No acked message is lost or doubled or moved; all that was begun is acked by now."""
    stored = await person.history(burst.room)
    by_client_id = {message["client_id"]: message for message in stored}
    assert len(by_client_id) == len(stored), "stored twice"
    seqs = [message["seq"] for message in stored]
    assert seqs == sorted(set(seqs))
    for client in burst.clients:
        assert client.sent == client.acked.keys()
        for client_id, message in client.acked.items():
            kept = by_client_id[client_id]
            assert (kept["identity"], kept["seq"]) == (message["identity"], message["seq"])
        shown = [message["identity"] for message in client.rooms[burst.room].shown]
        assert shown == [message["identity"] for message in stored]


async def wait_ready(system: System) -> None:
    def ready() -> bool:
        return httpx.get(f"{system.url}/readyz").status_code == 200

    await until(ready, 20)


async def test_redis_is_killed_in_the_middle_of_a_burst(world: World, measured: Measured) -> None:
    room = await room_of(world.people)
    async with (
        all_connected(world.people, heads_only=True) as clients,
        Burst(clients, room) as burst,
    ):
        await burst.until_acked(300)
        await asyncio.to_thread(world.valkey.kill)
        await asyncio.sleep(2)
        await asyncio.to_thread(world.valkey.start)
        back = time.monotonic()
        await burst.until_acked(50)
        first = burst.head
        await until(lambda: burst.complete(first), back + COMPLETE_WITHIN_S - time.monotonic())
        healed = time.monotonic() - back
        await burst.until_acked(300)
        await burst.stop()
        last = await until(lambda: burst.complete(burst.head), COMPLETE_WITHIN_S)
        measured(f"complete {healed:.2f} s after its return, after the burst {last:.2f} s")
        measured(f"slowest answer {burst.slowest():.2f} s, {dict(burst.codes())}")
        assert burst.slowest() < ANSWER_WITHIN_S
        assert all(client.closes == [] for client in clients)
        await stored_is_what_was_acked(world.people[0], burst)


async def test_redis_hangs(world: World, measured: Measured) -> None:
    room = await room_of(world.people[:3])
    async with all_connected(world.people[:3]) as clients, Burst(clients, room) as burst:
        await burst.until_acked(100)
        world.valkey.freeze()
        try:
            await asyncio.sleep(5)
        finally:
            world.valkey.thaw()
        await burst.until_acked(100)
        await burst.stop()
        last = await until(lambda: burst.complete(burst.head), SETTLED_WITHIN_S)
        measured(f"slowest answer {burst.slowest():.2f} s, {dict(burst.codes())}")
        measured(f"complete {last:.2f} s after the burst")
        assert burst.slowest() < ANSWER_WITHIN_S
        await stored_is_what_was_acked(world.people[0], burst)


async def test_mongodb_is_killed_in_the_middle_of_a_burst(world: World, measured: Measured) -> None:
    room = await room_of(world.people)
    async with all_connected(world.people) as clients, Burst(clients, room) as burst:
        await burst.until_acked(300)
        await asyncio.to_thread(world.mongodb.kill)
        await _everybody_is_told(world)
        await asyncio.to_thread(world.mongodb.start)
        back = time.monotonic()
        await burst.until_acked(1)
        first_ack = time.monotonic() - back
        await burst.until_acked(300)
        await burst.stop()
        last = await until(lambda: burst.complete(burst.head), SETTLED_WITHIN_S)
        measured(f"first ack {first_ack:.2f} s after its return, complete {last:.2f} s after all")
        measured(f"slowest answer {burst.slowest():.2f} s, {dict(burst.codes())}")
        assert burst.slowest() < ANSWER_WITHIN_S
        await stored_is_what_was_acked(world.people[0], burst)
    await wait_ready(world.system)


async def _everybody_is_told(world: World) -> None:
    """While MongoDB is away: 503 with Retry-After, as a problem document or a page."""
    person = world.people[0]
    async with httpx.AsyncClient(base_url=world.system.url, timeout=ANSWER_WITHIN_S) as browser:
        answers = await asyncio.gather(
            person.api.get("rooms/"),
            person.api.get("users/me/"),
            browser.get("/chat/", headers={"Cookie": "sessionid=" + "x" * 32}),
            browser.post("/api/v1/auth/login/", json={"account": "a", "password": "b"}),
        )
    for answer in answers:
        assert answer.status_code == 503, f"{answer.url}: {answer.status_code}"
        assert int(answer.headers["Retry-After"]) > 0
    for answer in (*answers[:2], answers[3]):
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "unavailable"


async def test_mongodb_hangs(world: World, measured: Measured) -> None:
    room = await room_of(world.people[:3])
    async with all_connected(world.people[:3]) as clients:
        for client in clients:
            await client.send(room, "before")
        # Commands of one socket are carried out in order: a send would wait for a sync that waits.
        await until(lambda: all(client.settled for client in clients))
        world.mongodb.freeze()
        started = time.monotonic()
        try:
            pings = asyncio.create_task(_slowest_ping(clients[0], started + 6.5))
            sends = [client.try_to_send(room, "now", secrets.token_hex(8)) for client in clients]
            answers, *refusals = await asyncio.gather(_health(world.system), *sends)
            await asyncio.sleep(max(0.0, started + 7 - time.monotonic()))
        finally:
            world.mongodb.thaw()
        assert answers == (200, 503)
        assert {refusal.get("code") for refusal in refusals} == {"unavailable"}
        slowest = max(seconds for client in clients for _code, seconds in client.answers)
        measured(f"slowest answer {slowest:.2f} s, slowest ping {await pings:.3f} s")
        assert slowest < ANSWER_WITHIN_S
        assert await pings < PING_WITHIN_S
        await wait_ready(world.system)
        back = time.monotonic()
        await asyncio.gather(*(client.send(room, "after") for client in clients))
        measured(f"all acked {time.monotonic() - back:.2f} s after it was ready")
        await _shows_everything(world.people[0], clients, room)


async def _slowest_ping(client: Client, end: float) -> float:
    slowest = 0.0
    while time.monotonic() < end:
        started = time.monotonic()
        assert (await client.ask("ping"))["type"] == "ack"
        slowest = max(slowest, time.monotonic() - started)
        await asyncio.sleep(0.1)
    return slowest


async def _health(system: System) -> tuple[int, int]:
    async with httpx.AsyncClient(base_url=system.url, timeout=ANSWER_WITHIN_S) as probe:
        live, ready = await asyncio.gather(probe.get("/healthz"), probe.get("/readyz"))
    return live.status_code, ready.status_code


async def _shows_everything(person: Person, clients: list[Client], room: str) -> None:
    def newest() -> int:
        return max(message["seq"] for c in clients for message in c.acked.values())

    await until(
        lambda: all(client.rooms[room].seq >= newest() for client in clients), SETTLED_WITHIN_S
    )
    stored = await person.history(room)
    assert len({message["client_id"] for message in stored}) == len(stored)
    acked = {client_id for client in clients for client_id in client.acked}
    assert acked <= {message["client_id"] for message in stored}
