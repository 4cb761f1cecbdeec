"""Two installations on one Redis: the second is a raw copy of the first one's database, as
mongodump and mongorestore make it, under another name. It has the same users, tokens and secrets.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from redis import Redis
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.system.clients import Client, until
from tests.system.people import Person, http, mailed_code, register_all, room_of
from tests.system.system import System, mongodb, valkey

SECRETS = {"SECRET_KEY": "one and the same " * 4, "JWT_SIGNING_KEY": "for both of them " * 4}


@dataclass
class Site:
    """The databases, and the two systems."""

    original: System
    copy: System
    redis_url: str
    mongodb_url: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("shared")
    (mongo, mongodb_url), (redis, redis_url) = mongodb(home), valkey(home)
    urls = {"MONGODB_URL": mongodb_url, "REDIS_URL": redis_url, **SECRETS}
    original, copy = (_system(home / name, MONGODB_NAME=f"im_{name}", **urls) for name in "ab")
    try:
        mongo.start()
        redis.start()
        original.start()
        yield Site(original, copy, redis_url, mongodb_url)
    finally:
        for part in (original, copy, redis, mongo):
            part.stop()


def _system(home: Path, **variables: str) -> System:
    home.mkdir()
    return System(home, EMAIL_URL=f"echomail://{home}/data/mail", **variables)


@pytest.fixture(scope="module")
async def people(site: Site) -> AsyncIterator[list[Person]]:
    """Alice and Bob of the original, with a group of two messages and a conversation; then the copy
    is made."""
    alice, bob = await register_all(site.original.url, site.original.data_dir / "mail", 2)
    room = await room_of([alice, bob])
    await bob.call("POST", "rooms/direct/", user_identity=alice.identity)
    async with Client(site.original.url, bob.token) as client:
        for text in ("one", "two"):
            await client.send(room, text)
    _copy_database(site.mongodb_url, "im_a", "im_b")
    site.copy.start()
    yield [alice, bob]
    for person in (alice, bob):
        await person.api.aclose()


def _copy_database(url: str, source: str, target: str) -> None:
    """Every document and every index."""
    with MongoClient[dict[str, Any]](url) as client:
        for name in client[source].list_collection_names():
            documents = list(client[source][name].find())
            if documents:
                client[target][name].insert_many(documents)
            indexes = client[source][name].index_information()
            for index in (indexes[each] for each in indexes if each != "_id_"):
                unique = bool(index.get("unique"))
                client[target][name].create_index(list(index["key"]), unique=unique)


async def test_presence_stays_apart(site: Site, people: list[Person]) -> None:
    """Runs first: five seconds after her last socket, Alice would still be online."""
    alice, bob = people
    async with Client(site.copy.url, alice.token), Client(site.original.url, bob.token) as here:
        rooms = here.frames[0]["rooms"]
        assert [room["online"] for room in rooms if room["kind"] == "direct"] == [False]
        async with Client(site.original.url, alice.token):
            await until(lambda: len(here.heard("presence")) == 1)


def _group(client: Client) -> str:
    (room,) = (r["identity"] for r in client.frames[0]["rooms"] if r["kind"] == "group")
    return str(room)


async def test_live_traffic_and_numbers_stay_apart(site: Site, people: list[Person]) -> None:
    alice, bob = people
    async with AsyncExitStack() as stack:

        async def open_client(system: System, person: Person) -> Client:
            return await stack.enter_async_context(Client(system.url, person.token))

        here = await open_client(site.original, bob)
        there = await open_client(site.copy, bob)
        room = _group(here)
        sender = await open_client(site.copy, alice)
        acked = [(await sender.send(room, f"copy {n}"))["seq"] for n in range(3)]
        assert acked == [3, 4, 5]
        await until(lambda: there.created(room) == [3, 4, 5])
        other = await open_client(site.original, alice)
        assert (await other.send(room, "original"))["seq"] == 3
        await until(lambda: here.created(room) == [3])
        assert there.created(room) == [3, 4, 5]
        assert [message["data"] for message in await bob.history(room)] == [
            "one",
            "two",
            "original",
        ]


async def test_tickets_codes_and_limits_stay_apart(site: Site, people: list[Person]) -> None:
    alice, _bob = people
    ticket = (await alice.call("POST", "auth/ticket/"))["ticket"]
    assert await _close_code(site.copy.url, ticket) == 4401
    assert await _close_code(site.original.url, ticket) is None
    address = {"email": "new@example.org", "purpose": "register"}
    async with http(site.original.url) as original, http(site.copy.url) as copy:
        assert (await original.post("auth/code/", json=address)).status_code == 202
        assert (await original.post("auth/code/", json=address)).status_code == 429
        code = await mailed_code(site.original.data_dir / "mail", "new@example.org")
        new = {"account": "new", "email": "new@example.org", "password": "a b c d e f g"}
        refused = await copy.post("auth/register/", json={**new, "code": code})
        assert (refused.status_code, list(refused.json()["errors"])) == (400, ["code"])
        assert (await copy.post("auth/code/", json=address)).status_code == 202
        assert (await original.post("auth/register/", json={**new, "code": code})).is_success


async def _close_code(url: str, ticket: str) -> int | None:
    """Returns how the server refuses the ticket, None when it lets us in."""
    address = f"{url.replace('http', 'ws', 1)}/ws/?ticket={ticket}"
    async with connect(address, subprotocols=["im.v1"], proxy=None) as socket:  # type: ignore[list-item]
        try:
            await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0
    return None


async def test_every_key_and_channel_says_whose_it_is(site: Site, people: list[Person]) -> None:
    with Redis.from_url(site.redis_url, decode_responses=True) as redis:
        names = {*redis.keys(), *redis.pubsub_channels()}
    owners = {name.split(":")[1] for name in names}
    assert len(owners) == 2, names
    assert all(name.startswith("im:") and len(name.split(":")[1]) == 12 for name in names), names
