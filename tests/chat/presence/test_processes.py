"""Presence across several processes, without Redis, and for very many users."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import pytest
import redis.exceptions

from accounts import online
from accounts.models import User
from chat import inbox, presence
from chat.presence import GRACE_S, LOOK_AGAIN_S, RENEW_S, Presence, current_presence
from imsystem.clock import now_ms
from imsystem.realtime.hub import Hub
from imsystem.redis import sync_redis
from imsystem.threads import run_in_thread
from rooms import services
from tests.chat.presence.watching import heard, later, watching
from tests.conftest import new_user
from tests.sockets import Socket, socket_of

# --- more than one process ------------------------------------------------------------------


@pytest.fixture
async def elsewhere() -> AsyncIterator[Presence]:
    """Another process: a hub of its own on the same Redis."""
    hub = Hub()
    hub.start()
    other = Presence(hub)
    yield other
    other._task.cancel()
    await hub.stop()


async def through_the_layer(socket: Socket) -> list[tuple[str, bool]]:
    """News from another process takes a moment."""
    await asyncio.sleep(0.15)
    return await heard(socket)


async def test_processes_count_together(
    alice: User, bob: User, room: str, elsewhere: Presence
) -> None:
    async with watching(bob) as his:
        elsewhere.arrived(alice.pk)
        await elsewhere.work(monotonic())
        assert await through_the_layer(his) == [(alice.pk, True)]
        async with watching(alice):
            assert await heard(his) == []
        await later(GRACE_S + 0.5)
        assert await heard(his) == []
        elsewhere.left(alice.pk, monotonic())
        await elsewhere.work(monotonic() + GRACE_S + 0.5)
        assert await through_the_layer(his) == [(alice.pk, False)]


async def test_a_dead_process_is_found(
    alice: User, bob: User, room: str, elsewhere: Presence, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(bob) as his:
        elsewhere.arrived(alice.pk)
        await elsewhere.work(monotonic())
        assert await through_the_layer(his) == [(alice.pk, True)]
        start = now_ms()
        monkeypatch.setattr(online, "now_ms", lambda: start + online.GOOD_FOR_MS - 1_000)
        await later(RENEW_S + 1)
        assert await heard(his) == []
        monkeypatch.setattr(online, "now_ms", lambda: start + online.GOOD_FOR_MS + 1_000)
        assert await online.online_among([alice.pk, bob.pk]) == {bob.pk}
        await later(3 * RENEW_S)
        assert await heard(his) == [(alice.pk, False)]
        assert sync_redis().zcard(online.entries_key()) == 1


async def test_redis_keeps_nothing_of_who_has_gone(alice: User) -> None:
    await online.enter("hub", [alice.pk])
    key = online.entries_key(alice.pk)
    assert 0 < sync_redis().pttl(key) <= online.GOOD_FOR_MS
    assert sync_redis().zrange(online.entries_key(), 0, -1) == [f"{alice.pk} hub".encode()]
    assert await online.leave("hub", [alice.pk]) == [alice.pk]
    assert sync_redis().exists(key, online.entries_key()) == 0


async def test_of_many_processes_one_tells_of_a_dead_one(alice: User) -> None:
    await online.enter("dead", [alice.pk])
    sync_redis().zadd(online.entries_key(), {f"{alice.pk} dead": 1})
    sync_redis().zadd(online.entries_key(alice.pk), {"dead": 1})
    found = await asyncio.gather(*(online.reap() for _ in range(5)))
    assert sorted(found) == [[], [], [], [], [alice.pk]]


async def test_that_one_is_back_wins_over_that_one_has_gone(
    alice: User, bob: User, room: str, elsewhere: Presence
) -> None:
    """News of two processes may cross: a process that told the wrong state looks again."""
    async with watching(bob) as his:
        async with watching(alice):
            assert await heard(his) == [(alice.pk, True)]
        await later(GRACE_S + 0.5)
        await online.enter(elsewhere._hub.identity, [alice.pk])  # told before, and out of date
        assert await heard(his) == [(alice.pk, False)]
        await later(GRACE_S + 0.5 + LOOK_AGAIN_S)
        assert await heard(his) == [(alice.pk, True)]


@pytest.mark.parametrize("repeat", range(20))
async def test_two_processes_at_once_agree_at_last(repeat: int) -> None:
    """One user comes while the other goes: whichever way it ends, both learn how."""
    user = f"{repeat:024x}"
    await online.enter("a", [user])
    entered, left = await asyncio.gather(online.enter("b", [user]), online.leave("a", [user]))
    assert await online.online_among([user]) == {user}
    assert not (left and not entered), "told to be gone, and nobody tells that they are back"


# --- when Redis is away ---------------------------------------------------------------------


async def test_an_emptied_redis_is_filled_again(alice: User, bob: User, room: str) -> None:
    async with watching(bob) as his, watching(alice):
        assert await heard(his) == [(alice.pk, True)]
        await run_in_thread(sync_redis().flushdb)
        assert await online.online_among([alice.pk]) == set()
        await later(RENEW_S + 1)
        assert await online.online_among([alice.pk, bob.pk]) == {alice.pk, bob.pk}
        assert await heard(his) == [(alice.pk, True)]
        await later(3 * RENEW_S)
        assert await heard(his) == []


async def test_a_dead_redis_is_in_nobodys_way(
    alice: User, bob: User, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*args: object) -> list[str]:
        raise redis.exceptions.ConnectionError

    async with watching(bob) as his:
        for name in ("enter", "leave", "reap"):
            monkeypatch.setattr(online, name, fail)
        async with socket_of(alice, hints=["presence"]) as hers:
            with pytest.raises(redis.exceptions.ConnectionError):
                await later(0)
            assert hers.ready["rooms"][0]["online"] is True
            assert (await hers.ask("ping"))["type"] == "ack"
            assert await heard(his) == []
            monkeypatch.undo()
            await later(0)
            assert await heard(his) == [(alice.pk, True)]
            for name in ("enter", "leave", "reap"):
                monkeypatch.setattr(online, name, fail)
        with pytest.raises(redis.exceptions.ConnectionError):
            await later(GRACE_S + 0.5)
        monkeypatch.undo()
        await later(GRACE_S + 0.5)
        assert await heard(his) == [(alice.pk, False)]


async def test_who_is_back_before_redis_is_not_told_to_be_gone(
    alice: User, bob: User, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*args: object) -> list[str]:
        raise redis.exceptions.ConnectionError

    async with watching(bob) as his:
        async with watching(alice):
            assert await heard(his) == [(alice.pk, True)]
        monkeypatch.setattr(online, "leave", fail)
        with pytest.raises(redis.exceptions.ConnectionError):
            await later(GRACE_S + 0.5)
        async with watching(alice):
            monkeypatch.undo()
            await later(GRACE_S + 1)
            assert await heard(his) == []
            assert await online.online_among([alice.pk]) == {alice.pk}


async def test_without_redis_nobody_is_online(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead:
        async def eval(self, *args: object) -> None:
            raise redis.exceptions.TimeoutError

    monkeypatch.setattr(online, "async_redis", Dead)
    assert await online.online_among(["f" * 24]) == set()


async def test_an_outage_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(self: Presence, now: float) -> None:
        raise redis.exceptions.ConnectionError

    monkeypatch.setattr(presence, "RETRY_S", 0.001)
    monkeypatch.setattr(Presence, "work", fail)
    broken = Presence(Hub())
    await asyncio.sleep(0.05)
    broken._task.cancel()
    (record,) = [one for one in caplog.records if one.name == "chat.presence"]
    assert record.message.startswith("presence is not up to date: ")


# --- many -----------------------------------------------------------------------------------


async def test_news_of_many_go_out_bit_by_bit(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub drops what it cannot pass on (10,000 events); messages are among it."""
    monkeypatch.setattr(presence, "EVENTS_AT_ONCE", 2)
    monkeypatch.setattr(presence, "PAUSE_S", 0)
    for number in range(5):
        peer = await run_in_thread(new_user, f"p{number}")
        await run_in_thread(services.open_direct, inbox=inbox, user=alice, peer_identity=peer.pk)
    published: list[int] = []
    hub = current_presence()._hub
    monkeypatch.setattr(hub, "publish", lambda *events: published.append(len(events)))
    async with watching(alice):
        await later(0)
    assert published == [2, 2, 1]
