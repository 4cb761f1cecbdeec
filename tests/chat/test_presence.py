"""Who is online: told to the people one talks with, as far as one allows, and never in the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import pytest
import redis.exceptions

from accounts import services as accounts
from accounts.models import User
from chat import online, presence
from chat.presence import GRACE_S, LOOK_AGAIN_S, RENEW_S, Presence, current_presence
from imsystem.clock import now_ms
from imsystem.realtime.hub import Hub
from imsystem.redis import sync_redis
from imsystem.threads import run_in_thread
from rooms import services
from tests.api import Api
from tests.conftest import new_user
from tests.sockets import Socket, socket_of


@pytest.fixture(autouse=True)
async def _on_time() -> None:
    """Other tests have let this process work in the future."""
    current_presence()._renew_at = 0.0


@pytest.fixture
async def alice() -> User:
    return await run_in_thread(new_user, "alice")


@pytest.fixture
async def bob() -> User:
    return await run_in_thread(new_user, "bob")


@pytest.fixture
async def room(alice: User, bob: User) -> str:
    """The conversation of the two."""
    made, _created = await run_in_thread(services.open_direct, user=alice, peer_identity=bob.pk)
    return made.pk


@asynccontextmanager
async def watching(user: User) -> AsyncIterator[Socket]:
    async with socket_of(user, hints=["presence"]) as socket:
        await later(0)
        yield socket


async def later(seconds: float) -> None:
    """Lets the process do all it has to do in so many seconds from now."""
    await current_presence().work(monotonic() + seconds)


async def set_privacy(user: User, **settings: Any) -> None:
    await run_in_thread(accounts.update_profile, user=user, **settings)
    await later(0)


async def heard(socket: Socket) -> list[tuple[str, bool]]:
    """Whom the socket has heard of by now."""
    await socket.say(type="ping", id="end")
    frames = [await socket.hear()]
    while frames[-1].get("id") != "end":
        frames.append(await socket.hear())
    shown = [frame for frame in frames if frame["type"] == "presence"]
    assert all(frame.keys() == {"type", "user_identity", "online"} for frame in shown)
    return [(frame["user_identity"], frame["online"]) for frame in shown]


# --- coming and going -----------------------------------------------------------------------


async def test_the_other_side_is_told(alice: User, bob: User, room: str) -> None:
    async with watching(bob) as his:
        async with watching(alice) as hers:
            assert await heard(his) == [(alice.pk, True)]
            assert await heard(hers) == []
        await later(GRACE_S - 0.5)
        assert await heard(his) == []
        await later(GRACE_S + 0.5)
        assert await heard(his) == [(alice.pk, False)]
        await later(GRACE_S + 100)
        assert await heard(his) == []


async def test_who_reloads_a_page_was_never_away(alice: User, bob: User, room: str) -> None:
    async with watching(bob) as his:
        async with watching(alice):
            assert await heard(his) == [(alice.pk, True)]
        async with watching(alice):
            await later(GRACE_S + 0.5)
            assert await heard(his) == []


async def test_devices_count_together(alice: User, bob: User, room: str) -> None:
    async with watching(bob) as his, watching(alice):
        assert await heard(his) == [(alice.pk, True)]
        async with watching(alice) as laptop:
            assert await heard(laptop) == []
        await later(GRACE_S + 0.5)
        assert await heard(his) == []


async def test_groups_and_strangers_are_told_nothing(alice: User, bob: User) -> None:
    stranger = await run_in_thread(new_user, "stranger")
    await run_in_thread(services.create_group, creator=alice, name="Bar", members=[bob.pk])
    async with watching(bob) as his, watching(stranger) as theirs, watching(alice):
        await later(1)
        assert (await heard(his), await heard(theirs)) == ([], [])


# --- who may see it -------------------------------------------------------------------------


def shown_by_rest(user: User, room: str) -> tuple[bool | None, list[bool | None]]:
    api = Api(user)
    listed = api.get("rooms/").json()["results"]
    return api.get(f"rooms/{room}/").json()["online"], [found["online"] for found in listed]


@pytest.mark.parametrize("hers", ["everyone", "contacts", "nobody"])
@pytest.mark.parametrize("his", ["everyone", "contacts", "nobody"])
async def test_settings(alice: User, bob: User, room: str, hers: str, his: str) -> None:
    """Mutual: who hides from everybody sees nobody."""
    await set_privacy(alice, who_sees_online=hers)
    await set_privacy(bob, who_sees_online=his)
    seen = "nobody" not in (hers, his)
    async with watching(bob) as socket:
        (before,) = socket.ready["rooms"]
        assert before["online"] is (False if seen else None)
        async with watching(alice):
            assert await heard(socket) == ([(alice.pk, True)] if seen else [])
            detail, (listed,) = await run_in_thread(shown_by_rest, bob, room)
            assert (detail, listed) == ((True, True) if seen else (None, None))
            async with watching(bob) as late:
                assert late.ready["rooms"][0]["online"] is (True if seen else None)
        await later(GRACE_S + 0.5)
        assert await heard(socket) == ([(alice.pk, False)] if seen else [])


async def test_hiding_and_showing_while_online(alice: User, bob: User, room: str) -> None:
    async with watching(bob) as his, watching(alice) as hers:
        assert await heard(his) == [(alice.pk, True)]
        await set_privacy(alice, who_sees_online="nobody")
        assert await heard(his) == [(alice.pk, False)]
        assert await heard(hers) == [(bob.pk, False)]
        async with watching(bob):
            await later(GRACE_S + 0.5)
        assert await heard(hers) == []
        await set_privacy(alice, who_sees_online="contacts")
        assert await heard(his) == [(alice.pk, True)]
        assert await heard(hers) == [(bob.pk, True)]


async def test_hiding_between_two_pages(alice: User, bob: User, room: str) -> None:
    """The page with the settings has no socket; the others still think one is there."""
    async with watching(bob) as his:
        async with watching(alice):
            assert await heard(his) == [(alice.pk, True)]
        await set_privacy(alice, who_sees_online="nobody")
        assert await heard(his) == [(alice.pk, False)]
        async with watching(alice):
            assert await heard(his) == []
        await set_privacy(alice, who_sees_online="contacts")
        assert await heard(his) == [(alice.pk, True)]
        await later(GRACE_S + 0.5)
        assert await heard(his) == [(alice.pk, False)]
        await set_privacy(alice, who_sees_online="everyone")
        assert await heard(his) == []


async def test_who_goes_while_hiding_is_not_betrayed(alice: User, bob: User, room: str) -> None:
    async with watching(bob) as his:
        async with watching(alice):
            await set_privacy(alice, who_sees_online="nobody")
        assert await heard(his) == [(alice.pk, True), (alice.pk, False)]
        await later(GRACE_S + 0.5)
        assert await heard(his) == []


@pytest.mark.parametrize(
    ("setting", "by_stranger", "by_contact"),
    [("everyone", True, True), ("contacts", None, True), ("nobody", None, None)],
)
async def test_the_profile_says_it_to_whom_it_may(
    alice: User, bob: User, room: str, setting: str, by_stranger: bool, by_contact: bool
) -> None:
    stranger = await run_in_thread(new_user, "stranger")
    await set_privacy(alice, who_sees_online=setting)

    def seen_by(user: User) -> bool | None:
        found: bool | None = Api(user).get(f"users/{alice.pk}/").json()["online"]
        return found

    async with watching(alice):
        seen = [await run_in_thread(seen_by, user) for user in (stranger, bob, alice)]
        assert seen == [by_stranger, by_contact, True]
        await set_privacy(stranger, who_sees_online="nobody")
        assert await run_in_thread(seen_by, stranger) is None
    await later(GRACE_S + 0.5)
    assert await run_in_thread(seen_by, alice) is False


async def test_a_new_conversation_says_it(alice: User, bob: User) -> None:
    async with watching(bob), watching(alice) as hers:
        await run_in_thread(services.open_direct, user=alice, peer_identity=bob.pk)
        assert (await hers.hear_until("room.added"))["room"]["online"] is True


async def test_who_is_deleted_goes_offline(alice: User, bob: User, room: str) -> None:
    async with watching(bob) as his:
        async with watching(alice) as hers:
            assert await heard(his) == [(alice.pk, True)]
            await run_in_thread(accounts.delete_account, user=alice)
            assert await hers.close_code() == 4401
        await later(GRACE_S + 0.5)
        assert await heard(his) == [(alice.pk, False)]


# --- more than one process ------------------------------------------------------------------


@pytest.fixture
async def elsewhere() -> AsyncIterator[Presence]:
    """Another process: a hub of its own, on the same Redis."""
    hub = Hub()
    hub.start()
    other = Presence(hub)
    yield other
    other._task.cancel()
    await hub.stop()


async def through_the_layer(socket: Socket) -> list[tuple[str, bool]]:
    """What comes from another process takes a moment."""
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
        assert sync_redis().zcard(online.ENTRIES) == 1


async def test_redis_keeps_nothing_of_who_has_gone(alice: User) -> None:
    await online.enter("hub", [alice.pk])
    key = f"{online.ENTRIES}:{alice.pk}"
    assert 0 < sync_redis().pttl(key) <= online.GOOD_FOR_MS
    assert sync_redis().zrange(online.ENTRIES, 0, -1) == [f"{alice.pk} hub".encode()]
    assert await online.leave("hub", [alice.pk]) == [alice.pk]
    assert sync_redis().exists(key, online.ENTRIES) == 0


async def test_of_many_processes_one_tells_of_a_dead_one(alice: User) -> None:
    await online.enter("dead", [alice.pk])
    sync_redis().zadd(online.ENTRIES, {f"{alice.pk} dead": 1})
    sync_redis().zadd(f"{online.ENTRIES}:{alice.pk}", {"dead": 1})
    found = await asyncio.gather(*(online.reap() for _ in range(5)))
    assert sorted(found) == [[], [], [], [], [alice.pk]]


async def test_that_one_is_back_wins_over_that_one_has_gone(
    alice: User, bob: User, room: str, elsewhere: Presence
) -> None:
    """The news of two processes may cross: who told the bad one looks again."""
    async with watching(bob) as his:
        async with watching(alice):
            assert await heard(his) == [(alice.pk, True)]
        await later(GRACE_S + 0.5)
        await online.enter(elsewhere._hub.identity, [alice.pk])  # told before, and overtaken
        assert await heard(his) == [(alice.pk, False)]
        await later(GRACE_S + 0.5 + LOOK_AGAIN_S)
        assert await heard(his) == [(alice.pk, True)]


@pytest.mark.parametrize("repeat", range(20))
async def test_two_processes_at_once_agree_at_last(repeat: int) -> None:
    """One enters while the other leaves: whoever ends it sees how it ends."""
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
    (record,) = caplog.records
    assert record.message.startswith("presence is not up to date: ")


# --- many -----------------------------------------------------------------------------------


async def test_news_of_many_go_out_bit_by_bit(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub drops what it cannot pass on (10,000 events); messages are among it."""
    monkeypatch.setattr(presence, "EVENTS_AT_ONCE", 2)
    monkeypatch.setattr(presence, "PAUSE_S", 0)
    for number in range(5):
        peer = await run_in_thread(new_user, f"p{number}")
        await run_in_thread(services.open_direct, user=alice, peer_identity=peer.pk)
    published: list[int] = []
    hub = current_presence()._hub
    monkeypatch.setattr(hub, "publish", lambda *events: published.append(len(events)))
    async with watching(alice):
        await later(0)
    assert published == [2, 2, 1]
