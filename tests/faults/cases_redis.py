"""Redis dies, hangs, forgets, is full, read-only or out of reach."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import redis.asyncio

from imsystem.embedded.control import REFUSED
from tests.faults.cases_databases import check_answers
from tests.faults.registry import case
from tests.faults.run import Run
from tests.faults.targets import REDIS_S, forgiven


@asynccontextmanager
async def _redis(run: Run) -> AsyncIterator["redis.asyncio.Redis"]:
    client = redis.asyncio.Redis.from_url(run.site.redis_url)
    yield client
    await client.aclose()


async def _ask_for_nothing(run: Run) -> None:
    """A device learns what it lacks from `room.heads` alone: no gap may stay silent."""
    run.heads_only = True


@case("F8", "Redis is killed", heals_within=REDIS_S, prepare=_ask_for_nothing)
async def redis_killed(run: Run) -> None:
    for _ in run.times(1, 3):
        await asyncio.to_thread(run.site.redis.kill)
        await run.lasts(0.7, 2.0)
        await asyncio.to_thread(run.site.redis.start)
        run.fault_over()
        await run.lasts(0.3, 3.0)
    check_answers(run)
    assert not any(c.closed_on_us for c in run.clients.values()), "a socket was closed"


@case("F9", "Redis hangs (SIGSTOP)", heals_within=REDIS_S)
async def redis_hangs(run: Run) -> None:
    run.site.redis.freeze()
    await run.lasts(1.5, 3.0)
    run.site.redis.thaw()
    run.fault_over()
    check_answers(run)


@case("F9b", "Redis hangs for long", heals_within=REDIS_S, long_only=True)
async def redis_hangs_for_long(run: Run) -> None:
    run.site.redis.freeze()
    await run.lasts(30.0, 30.0)
    run.site.redis.thaw()
    run.fault_over()
    check_answers(run)


@case("F10", "Redis forgets everything (FLUSHALL)", heals_within=REDIS_S)
async def redis_flushed(run: Run) -> None:
    async with _redis(run) as client:
        for _ in run.times(3, 20):
            await client.flushall()
            await run.lasts(0.15, 0.5)
    run.fault_over()


@case("F10b", "Redis goes back in time (an old copy is restored)", heals_within=REDIS_S)
async def redis_goes_back(run: Run) -> None:
    """Every counter hands out numbers that are taken."""
    async with _redis(run) as client:
        for _ in run.times(1, 3):
            for key in await client.keys("im:*:seq:*"):
                await client.decrby(key, run.rng.randrange(20))
            await run.lasts(0.3, 5.0)
    run.fault_over()


@case("F10c", "the counters of Redis jump ahead", heals_within=REDIS_S, long_only=True)
async def counters_jump(run: Run) -> None:
    """Numbers nobody uses: gaps, which are final once the message after them is 3 s old."""
    async with _redis(run) as client:
        for key in await client.keys("im:*:seq:*"):
            await client.incrby(key, run.rng.choice((1, 3, 300)))
    run.fault_over()


@case("F11", "Redis is full (maxmemory)", heals_within=REDIS_S)
async def redis_full(run: Run) -> None:
    async with _redis(run) as client:
        await client.config_set("maxmemory", "1")
        await run.lasts(1.0, 10.0)
        await client.config_set("maxmemory", "0")
    run.fault_over()
    check_answers(run)


@case("F11b", "Redis is read-only (became a replica)", heals_within=REDIS_S, long_only=True)
async def redis_read_only(run: Run) -> None:
    async with _redis(run) as client:
        await client.replicaof("127.0.0.1", 1)
        await run.lasts(1.0, 10.0)
        await client.replicaof("NO", "ONE")
    run.fault_over()
    check_answers(run)


@case("F12", "Redis is away when a worker starts", heals_within=REDIS_S, alone=True)
async def redis_absent_at_start(run: Run) -> None:
    """The worker that prepares says so and ends; one that only has to serve does so, and
    recovers."""
    await run.victim.terminate()
    await asyncio.to_thread(run.site.redis.kill)
    await _refuses_to_prepare(run)
    await run.victim.start()
    async with httpx.AsyncClient(base_url=run.victim.url, timeout=10) as probe:
        live, ready = await probe.get("/healthz"), await probe.get("/readyz")
        assert (live.status_code, ready.status_code) == (200, 503)
    await asyncio.to_thread(run.site.redis.start)
    back = time.monotonic()
    await run.victim.ready(within=forgiven(REDIS_S))
    run.note(f"ready {time.monotonic() - back:.2f} s after Redis was there")
    run.fault_over()
    await run.open()


async def _refuses_to_prepare(run: Run) -> None:
    with suppress(AssertionError):
        await run.victim.start(prepare=True)
    assert run.victim.child is not None
    assert run.victim.child.process.returncode == REFUSED
    assert "Redis does not answer (REDIS_URL)" in run.victim.output()


# --- the network between a worker and Redis --------------------------------------------------


@case(
    "F8b", "connections to Redis are reset, again and again", heals_within=REDIS_S, long_only=True
)
async def connections_reset(run: Run) -> None:
    for _ in run.times(5, 50):
        run.victim.redis.reset()
        await asyncio.sleep(run.rng.uniform(0.02, 0.3))
    run.fault_over()


@case("F8c", "one worker loses Redis, the other does not", heals_within=REDIS_S)
async def one_worker_cut_off(run: Run) -> None:
    proxy = run.victim.redis
    proxy.refuse()
    proxy.reset()
    await run.lasts(1.0, 10.0)
    await proxy.heal()
    run.fault_over()
    check_answers(run)


@case("F8d", "one worker's packets to and from Redis vanish", heals_within=REDIS_S, long_only=True)
async def packets_vanish(run: Run) -> None:
    proxy = run.victim.redis
    proxy.hold()
    await run.lasts(2.0, 10.0)
    await proxy.heal()
    run.fault_over()
    check_answers(run)


@case("F8e", "the network forgets the connections to Redis", heals_within=REDIS_S, long_only=True)
async def connections_forgotten(run: Run) -> None:
    """As with a firewall that was restarted: packets vanish, new connections work."""
    run.victim.redis.forget()
    run.fault_over()


@case("F8f", "answers of Redis do not arrive", heals_within=REDIS_S, long_only=True)
async def answers_lost(run: Run) -> None:
    """Nobody knows which numbers were handed out; then the connection breaks."""
    proxy = run.victim.redis
    proxy.hold(up=False)
    await run.lasts(1.0, 8.0)
    proxy.reset()
    await proxy.heal()
    run.fault_over()
    check_answers(run)
