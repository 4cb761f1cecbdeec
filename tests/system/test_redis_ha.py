"""IMSystem on a Redis Cluster and behind Sentinel: all that Redis is used for works there, and when
a primary dies no acknowledged message is lost and sending goes on. One set of processes for all."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from redis.cluster import key_slot
from websockets.asyncio.client import connect

from accounts import codes, online
from accounts.codes import Purpose
from chat.sequence import SequenceAllocator, counters, forget_counters
from imsystem.embedded import UpError
from imsystem.embedded.prepare import reach_redis
from imsystem.errors import RateLimited
from imsystem.health import diagnosis
from imsystem.ids import new_identity
from imsystem.limits import Allowance, GrowingDelay, Limit
from imsystem.mail.outbox import Mail, key_of, queue_key
from imsystem.mail.posting import post
from imsystem.redis import async_redis, key, sync_redis
from tests.redis_kinds import Cluster, Sentinels
from tests.system.burst import Burst, stored_is_what_was_acked
from tests.system.clients import Client, until
from tests.system.conftest import Measured
from tests.system.people import Person, http, register_all, room_of
from tests.system.system import System, mongodb, worker_of

KINDS = ("cluster", "sentinel")
RESUMES_WITHIN_S = 20.0
MAX_TRIES = 60


Redises = dict[str, Cluster | Sentinels]


@pytest.fixture(scope="module")
def redises(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redises]:
    home = tmp_path_factory.mktemp("redis")
    with ThreadPoolExecutor() as pool:
        making = pool.submit(Sentinels, _folder(home, "s"))
        cluster = Cluster(_folder(home, "c"))
        cluster.form(lambda tag: key_slot(tag.encode()))
        sentinels = making.result()
    yield {"cluster": cluster, "sentinel": sentinels}
    for part in (cluster, sentinels):
        part.stop()


@dataclass
class Site:
    redis: Cluster | Sentinels
    system: System


@pytest.fixture(scope="module")
def sites(redises: Redises, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """Both kinds, each with a system of two web processes; they start side by side."""
    home = tmp_path_factory.mktemp("ha")
    mongo, mongodb_url = mongodb(home)
    mongo.start()
    found = {
        kind: Site(redis, _system(_folder(home, kind), mongodb_url, redis.url))
        for kind, redis in redises.items()
    }
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda site: site.system.start(), found.values()))
        yield found
    finally:
        for part in (*(site.system for site in found.values()), mongo):
            part.stop()


def _system(home: Path, mongodb_url: str, redis_url: str) -> System:
    variables = {
        "MONGODB_URL": mongodb_url,
        "MONGODB_NAME": f"im_{home.name}",
        "REDIS_URL": redis_url,
        "SECRET_KEY": "s" * 50,
        "JWT_SIGNING_KEY": "j" * 50,
        "EMAIL_URL": f"echomail://{home}/data/mail",
        "MESSAGES_PER_USER": "off",
    }
    return System(home, "--workers", "2", **variables)


def _folder(home: Path, name: str) -> Path:
    (home / name).mkdir()
    return home / name


# --- in this process: what a whole system does not show ------------------------------------------


@pytest.fixture(params=KINDS)
def redis_url(request: pytest.FixtureRequest, redises: Redises, settings: Any) -> str:
    """This process uses the Redis of that kind."""
    url: str = redises[request.param].url
    settings.REDIS_URL = url
    return url


@pytest.fixture
def _this_redis(redis_url: str) -> None: ...


@pytest.mark.usefixtures("_this_redis")
def test_every_blocking_use() -> None:
    address = {"purpose": Purpose.REGISTER, "email": f"{new_identity()}@example.org"}
    code = codes.issue(**address)
    assert codes.consume(**address, code=code)
    who = new_identity()
    for limit in (
        Limit(f"limit-{who}", amount=1, window_s=60),
        Allowance("allowance", amount=1, window_s=60),
        GrowingDelay("delay", free=1, first_s=60, longest_s=60),
    ):
        limit.take(who)
        with pytest.raises(RateLimited):
            limit.take(who)
    post(Mail("a@example.org", "subject", "body"), good_for_s=60)
    (identity,) = sync_redis().zrange(queue_key(), 0, -1)
    assert sync_redis().exists(key_of(identity.decode())) == 1
    sync_redis().delete(queue_key(), key_of(identity.decode()))
    with sync_redis().lock(key("migrate"), timeout=5):
        assert sync_redis().exists(key("migrate")) == 1
    cache = caches.create_connection("default")
    cache.set_many({"a": 1, "b": 2}, 5)
    assert cache.get_many(["a", "b"]) == {"a": 1, "b": 2}


@pytest.mark.usefixtures("_this_redis")
def test_every_use_of_the_event_loop() -> None:
    async def use() -> None:
        try:
            await use_all()
        finally:
            await async_redis().aclose()

    async def use_all() -> None:
        rooms = {new_identity(): count for count in range(1, 6)}
        numbers = SequenceAllocator()
        assert await numbers.allocate(rooms) == dict.fromkeys(rooms, 1)
        assert await counters(list(rooms)) == rooms
        user = new_identity()
        assert await online.enter("hub", [user]) == [user]
        assert await online.online_among([user]) == {user}
        assert await online.reap() == []
        assert await online.leave("hub", [user]) == [user]

    asyncio.run(use())
    forget_counters()
    assert not list(sync_redis().scan_iter(key("seq", "*")))


@pytest.mark.usefixtures("_this_redis")
def test_doctor_says_which_kind_it_is(redis_url: str) -> None:
    kind = "cluster of 3 primaries" if "cluster" in redis_url else "Sentinel's im"
    assert kind in diagnosis.check_redis(None)
    assert diagnosis.check_channel_layer(None).startswith("round trip in ")


def test_other_kinds_are_refused_in_one_line(redises: Redises, settings: Any) -> None:
    cluster, sentinels = redises["cluster"], redises["sentinel"]
    assert isinstance(cluster, Cluster)
    assert isinstance(sentinels, Sentinels)
    node = cluster.servers[1].port
    server, sentinel = sentinels.replica.port, sentinels.sentinel.port
    for url, says in (
        (f"redis://127.0.0.1:{node}", "node of a Redis Cluster: write redis+cluster"),
        (f"redis://127.0.0.1:{sentinel}", "names a Sentinel: write redis+sentinel"),
        (f"redis+cluster://127.0.0.1:{server}", "Cluster mode is not enabled"),
        (f"redis+sentinel://127.0.0.1:{server}/im", "unknown command"),
        (f"redis+sentinel://127.0.0.1:{sentinel}/other", "No master found for 'other'"),
        (f"redis://127.0.0.1:{server}?nonsense=1", "nonsense"),
    ):
        settings.REDIS_URL = url
        with pytest.raises(UpError) as refused:
            reach_redis()
        assert says in str(refused.value)
        assert "\n" not in str(refused.value)
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        del refused
        gc.collect()  # redis-py does not close what a cluster's client has opened and refused


# --- whole systems -------------------------------------------------------------------------------


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, sites: dict[str, Site]) -> Site:
    return sites[request.param]


@pytest.fixture
async def people(site: Site) -> AsyncIterator[list[Person]]:
    """Two of them: codes, limits and the queue of mails work."""
    registered = await register_all(site.system.url, site.system.data_dir / "mail", 2)
    yield registered
    for person in registered:
        await person.api.aclose()


async def _on_two_workers(stack: AsyncExitStack, site: Site, people: list[Person]) -> list[Client]:
    found: dict[int, Client] = {}
    for _attempt in range(MAX_TRIES):
        client = Client(site.system.url, people[len(found)].token)
        await client.__aenter__()
        worker = worker_of(site.system, client.port)
        if worker in found:
            await client.__aexit__(None, None, None)
        else:
            found[worker] = client
            stack.push_async_exit(client)
        if len(found) == len(people):
            return list(found.values())
    raise AssertionError("one worker gets all sockets")


async def test_tickets_presence_and_limits(site: Site, people: list[Person]) -> None:
    alice, bob = people
    await bob.call("POST", "rooms/direct/", user_identity=alice.identity)
    for number in range(5):  # counters in different slots
        await bob.create_room(f"room {number}")
    async with Client(site.system.url, bob.token) as his:
        assert len(his.frames[0]["rooms"]) == 6
        ticket = (await alice.call("POST", "auth/ticket/"))["ticket"]
        address = f"{site.system.url.replace('http', 'ws', 1)}/ws/?ticket={ticket}"
        async with connect(address, subprotocols=["im.v1"], proxy=None) as hers:  # type: ignore[list-item]
            assert '"ready"' in str(await hers.recv())
            await until(lambda: len(his.heard("presence")) == 1)
    address = f"{alice.account}@example.com"
    async with http(site.system.url) as api:
        body = {"email": address, "purpose": "register"}
        statuses = [(await api.post("auth/code/", json=body)).status_code for _ in range(2)]
    assert statuses == [202, 429]


async def test_a_primary_dies_while_messages_flow(
    site: Site, people: list[Person], measured: Measured
) -> None:
    room = await room_of(people)
    async with AsyncExitStack() as stack:
        clients = await _on_two_workers(stack, site, people)
        assert (await clients[0].send(room, "first"))["seq"] == 1
        # Live, through the channel layer, from one process to the other.
        await until(lambda: clients[1].created(room) == [1])
        loop = asyncio.get_running_loop()
        async with Burst(clients, room) as burst:
            await burst.until_acked(30)
            before, started = burst.acked, loop.time()
            await asyncio.to_thread(site.redis.fail_over)
            await asyncio.sleep(0.2)  # what was numbered before is still being acknowledged
            while burst.acked < before + 30:
                assert loop.time() - started < RESUMES_WITHIN_S, burst.codes()
                await asyncio.sleep(0.05)
            resumed = loop.time() - started
            await burst.stop()
            await until(lambda: burst.complete(burst.head), RESUMES_WITHIN_S)
            measured(f"sends again after {resumed:.1f} s, slowest answer {burst.slowest():.1f} s")
            assert set(burst.codes()) <= {"ack", "unavailable"}
            await stored_is_what_was_acked(people[0], burst)
        # And live events come again.
        await until(lambda: _ready(site), RESUMES_WITHIN_S)
        await until_live(clients, room)


async def until_live(clients: list[Client], room: str) -> None:
    """Until a message gets from one process to the other by itself."""
    async with asyncio.timeout(RESUMES_WITHIN_S):
        while True:
            seq = (await clients[0].send(room, "live?"))["seq"]
            for _ in range(20):
                if seq in clients[1].created(room):
                    return
                await asyncio.sleep(0.05)


def _ready(site: Site) -> bool:
    import httpx

    return httpx.get(f"{site.system.url}/readyz", trust_env=False).status_code == 200
