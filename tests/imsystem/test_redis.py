"""The Redis clients: connections that ended while nobody used them trouble no one."""

import asyncio
from collections.abc import Iterable

import redis
from django.conf import settings

from imsystem.redis import async_redis, sync_redis
from imsystem.threads import run_in_thread

AT_ONCE = 4


def _hang_up(ids: Iterable[int]) -> None:
    """Redis ends these connections, as it does when it is restarted."""
    with redis.Redis.from_url(settings.REDIS_URL) as other:
        for each in ids:
            other.client_kill_filter(_id=str(each))


async def test_connections_that_ended_in_the_pool() -> None:
    ids = set(await asyncio.gather(*(async_redis().client_id() for _ in range(AT_ONCE))))
    assert len(ids) == AT_ONCE
    await run_in_thread(_hang_up, ids)
    pipelines = [async_redis().pipeline(transaction=False).ping() for _ in range(AT_ONCE)]
    answers = await asyncio.gather(*(pipeline.execute() for pipeline in pipelines))
    assert answers == [[True]] * AT_ONCE


def test_connections_that_ended_in_the_pool_of_threads() -> None:
    pool = sync_redis().connection_pool
    connections = [pool.get_connection() for _ in range(AT_ONCE)]
    ids = set()
    for connection in connections:
        connection.send_command("CLIENT", "ID")
        ids.add(connection.read_response())
        pool.release(connection)
    _hang_up(ids)
    connections = [pool.get_connection() for _ in range(AT_ONCE)]
    for connection in connections:
        connection.send_command("PING")
        assert connection.read_response() == b"PONG"
        pool.release(connection)


async def test_what_is_slow_is_asked_once() -> None:
    """Asked twice, the deadline of a call would be twice as long."""
    for client in (async_redis(), sync_redis()):
        retry = client.connection_pool.make_connection().retry
        assert retry.get_retries() == 0 or retry._supported_errors == (redis.ConnectionError,)
    assert not issubclass(redis.TimeoutError, redis.ConnectionError)
