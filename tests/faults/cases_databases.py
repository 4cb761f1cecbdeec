"""MongoDB dies, hangs, is cut off or slow."""

import asyncio
import resource
import time
from contextlib import suppress

import httpx
from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect

from tests.faults.load import words
from tests.faults.registry import case
from tests.faults.run import Run
from tests.faults.targets import ANSWER_WITHIN_S, DATABASE_S, PING_WITHIN_S, forgiven
from tests.system.people import http

OURS = "own mongodb"
# No file may grow beyond it: to a database, that is a full disk.
FULL_AT_BYTES = 4_096


@case("F5", "MongoDB is killed", heals_within=DATABASE_S, needs=OURS)
async def mongodb_killed(run: Run) -> None:
    for _ in run.times(1, 3):
        await _all_at_once(run)
        await asyncio.to_thread(run.site.mongodb.kill)
        await _everybody_is_told(run)
        await run.lasts(0.2, 2.0)
        await asyncio.to_thread(run.site.mongodb.start)
        run.fault_over()
        await run.lasts(0.3, 3.0)


async def _all_at_once(run: Run) -> None:
    """The last ack is as fresh as it can be: what is only in memory is certainly lost."""
    sends = (
        client.send(room.identity, words(run.rng))
        for room in run.rooms
        for client in run.clients_of(room)
    )
    await asyncio.gather(*sends)


async def _everybody_is_told(run: Run) -> None:
    """While MongoDB is away, the answer is 503 with Retry-After, as a problem document or a
    page."""
    url = run.victim.url
    async with http(url, run.people[0].token) as api, httpx.AsyncClient(timeout=30) as browser:
        answers = await asyncio.gather(
            api.get("rooms/"),
            api.get("users/me/"),
            api.post("auth/login/", json={"account": "a", "password": "b"}),
            browser.get(f"{url}/chat/", headers={"Cookie": "sessionid=" + "x" * 32}),
        )
    for answer in answers:
        assert answer.status_code == 503, f"{answer.url}: {answer.status_code}"
        assert int(answer.headers["Retry-After"]) > 0
    for answer in answers[:3]:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "unavailable"


@case(
    "F5b",
    "MongoDB is stopped and started again",
    heals_within=DATABASE_S,
    long_only=True,
    needs=OURS,
)
async def mongodb_restarted(run: Run) -> None:
    await asyncio.to_thread(run.site.mongodb.stop)
    await asyncio.to_thread(run.site.mongodb.start)
    run.fault_over()


@case("F5c", "everything is killed at once (power cut)", heals_within=DATABASE_S, needs=OURS)
async def power_cut(run: Run) -> None:
    site = run.site
    await _all_at_once(run)
    await asyncio.gather(
        *(worker.kill() for worker in site.workers),
        *(asyncio.to_thread(engine.kill) for engine in site.engines),
    )
    await run.lasts(0.2, 2.0)
    await asyncio.gather(*(asyncio.to_thread(engine.start) for engine in site.engines))
    await asyncio.gather(*(worker.start() for worker in site.workers))
    run.fault_over()


@case("F6", "MongoDB hangs (SIGSTOP)", heals_within=DATABASE_S, needs=OURS)
async def mongodb_hangs(run: Run) -> None:
    """Nobody is misled: senders are refused in time, and what needs no database goes on."""
    client = next(iter(run.clients.values()))
    run.site.mongodb.freeze()
    try:
        pings = asyncio.create_task(slowest_ping(run))
        assert await _health(run) == (200, 503)
        await run.lasts(8.5, 10.0)
        pings.cancel()
        assert client.connected
    finally:
        run.site.mongodb.thaw()
    run.fault_over()
    check_answers(run)
    refusals = {code for sent in run.recorder.sent.values() for code in sent.refusals}
    assert refusals == {"unavailable"}


async def _health(run: Run) -> tuple[int, int]:
    async with httpx.AsyncClient(base_url=run.victim.url, timeout=30) as probe:
        live, ready = await asyncio.gather(probe.get("/healthz"), probe.get("/readyz"))
    return live.status_code, ready.status_code


async def slowest_ping(run: Run) -> None:
    """Pings every socket until it is cancelled."""
    slowest = 0.0
    try:
        while True:
            started = time.monotonic()
            answers = await asyncio.gather(*(c.ask("ping") for c in run.clients.values()))
            slowest = max(slowest, time.monotonic() - started)
            assert all(answer["type"] == "ack" for answer in answers)
            await asyncio.sleep(0.1)
    finally:
        run.note(f"slowest ping {slowest * 1000:.0f} ms")
        assert slowest < forgiven(PING_WITHIN_S), f"a ping took {slowest:.2f} s"


def check_answers(run: Run) -> None:
    """Every command so far was answered in time."""
    answers = [answer for client in run.clients.values() for answer in client.answers]
    slowest = max((seconds for _code, seconds in answers), default=0.0)
    run.note(f"slowest answer {slowest:.2f} s")
    assert slowest < ANSWER_WITHIN_S + forgiven(1.0), f"an answer took {slowest:.2f} s"
    assert "timeout" not in {code for code, _seconds in answers}


@case("F20", "no room on MongoDB's volume", heals_within=DATABASE_S, needs=OURS)
async def volume_full(run: Run) -> None:
    """Nothing is acknowledged that is not stored. The embedded MongoDB gives up for good when it
    cannot write (WT_PANIC), as a mongod does, and has to be started again when there is room."""
    mongodb = run.site.mongodb
    unlimited = resource.prlimit(mongodb.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(mongodb.pid, resource.RLIMIT_FSIZE, (FULL_AT_BYTES, unlimited[1]))
    await run.lasts(2.0, 10.0)
    refused = sum(sum(sent.refusals.values()) for sent in run.recorder.sent.values())
    run.note(f"{refused} refusals")
    assert refused
    async with http(run.victim.url, run.people[0].token) as api:
        text = {"client_id": "full", "data": "full"}
        said = await api.post(f"rooms/{run.rooms[0].identity}/messages/", json=text)
        changed = await api.patch("users/me/", json={"nickname": "Full"})
    assert (said.status_code, changed.status_code) == (503, 503), (said.text, changed.text)
    await asyncio.to_thread(mongodb.kill)
    await asyncio.to_thread(mongodb.start)
    run.fault_over()
    check_answers(run)


# --- the network between a worker and MongoDB ------------------------------------------------


@case(
    "F6b",
    "connections to MongoDB are reset, again and again",
    heals_within=DATABASE_S,
    long_only=True,
    needs=OURS,
)
async def connections_reset(run: Run) -> None:
    for _ in run.times(5, 50):
        run.victim.mongodb.reset()
        await asyncio.sleep(run.rng.uniform(0.02, 0.3))
    run.fault_over()


@case("F6c", "one worker loses MongoDB", heals_within=DATABASE_S, long_only=True, needs=OURS)
async def one_worker_cut_off(run: Run) -> None:
    proxy = run.victim.mongodb
    proxy.refuse()
    proxy.reset()
    await run.lasts(1.0, 10.0)
    await proxy.heal()
    run.fault_over()


@case(
    "F6d",
    "the network forgets the connections to MongoDB",
    heals_within=DATABASE_S,
    long_only=True,
    needs=OURS,
)
async def connections_forgotten(run: Run) -> None:
    """As with a firewall that was restarted: packets vanish, new connections work."""
    await asyncio.gather(*(_can_read(run) for _ in range(10)))  # so many connections are open
    run.victim.mongodb.forget()
    run.fault_over()
    started = time.monotonic()
    while not all(await asyncio.gather(*(_can_read(run) for _ in range(10)))):
        assert time.monotonic() - started < forgiven(DATABASE_S)
    run.note(f"REST works {time.monotonic() - started:.1f} s after")


async def _can_read(run: Run) -> bool:
    async with http(run.victim.url, run.people[0].token) as api:
        return (await api.get("rooms/")).status_code == 200


@case(
    "F6e", "answers of MongoDB do not arrive", heals_within=DATABASE_S, long_only=True, needs=OURS
)
async def answers_lost(run: Run) -> None:
    """Nobody knows what was written; then the connection breaks."""
    proxy = run.victim.mongodb
    proxy.hold(up=False)
    await run.lasts(1.0, 8.0)
    proxy.reset()
    await proxy.heal()
    run.fault_over()


@case(
    "F6f", "MongoDB is slow: 300 ms each way", heals_within=DATABASE_S, long_only=True, needs=OURS
)
async def slow_database(run: Run) -> None:
    for worker in run.site.workers:
        for way in (worker.mongodb.up, worker.mongodb.down):
            way.delay, way.jitter = 0.3, 0.1
    await run.lasts(2.0, 10.0)
    for worker in run.site.workers:
        await worker.mongodb.heal()
    run.fault_over()
    check_answers(run)


# --- a real mongod ---------------------------------------------------------------------------


@case("F7", "the primary of the replica set steps down", heals_within=DATABASE_S, needs="mongod")
async def primary_steps_down(run: Run) -> None:
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(run.site.mongodb_url)
    with suppress(AutoReconnect):  # it closes all connections
        await client.admin.command({"replSetStepDown": 5, "force": True})
    await client.close()
    run.fault_over()
