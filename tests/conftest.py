"""Fixtures for all tests: migrated databases, emptied between tests, and a named cast."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.core.management import call_command
from django.db import connection
from django.utils import translation

from accounts import codes
from accounts.hashers import Argon2Hasher
from accounts.models import User
from imsystem import installation
from imsystem.clock import now_ms
from imsystem.ids import new_identity
from imsystem.loops import adopt_running_loop, run_on_loop
from imsystem.mongo.clients import mongo_client
from imsystem.realtime.hub import current_hub
from imsystem.redis import async_redis, sync_redis
from imsystem.threads import run_in_thread
from rooms import services
from rooms.choices import Role
from rooms.models import Room
from tests import leaks
from tests.written import written

TESTS = Path(__file__).parent
# These collections keep their content: permissions are made by `migrate`, once, and the
# installation keeps its name.
KEPT = ("django_", "auth_", "installation")
FULL_HASH = {name: getattr(Argon2Hasher, name) for name in ("memory_cost", "time_cost")}


# These take a minute or more each and wait for processes most of the time. Beside them, other
# processes of pytest-xdist do the rest; begun last, they would be waited for alone.
FIRST = ("faults/test_cases", "system/test_client", "imsystem/test_up", "system", "hostile")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of tests that share a name, pytest-xdist runs one."""
    names = Counter(item.nodeid for item in items)
    repeated = [name for name, count in names.items() if count > 1]
    if repeated:
        raise pytest.UsageError(f"several tests are called {repeated[0]}")
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    path = item.path.relative_to(TESTS).as_posix()
    return next((turn for turn, start in enumerate(FIRST) if path.startswith(start)), len(FIRST))


@pytest.fixture(scope="session", autouse=True)
def _no_secret_is_logged() -> Iterator[None]:
    """Fails at the end of the session, with the lines (tests/leaks.py)."""
    guard, issue = leaks.Guard(), codes.issue

    def noted(**fields: Any) -> str:
        code = issue(**fields)
        leaks.issued(code)
        return code

    codes.issue = noted
    logging.getLogger().addHandler(guard)
    yield
    logging.getLogger().removeHandler(guard)
    codes.issue = issue
    assert not leaks.found, "\n".join(leaks.found)


@pytest.fixture(scope="session")
def _migrated(django_db_blocker: Any) -> None:
    """The database im_test is made once a session by `migrate`, as an installation's is."""
    with django_db_blocker.unblock():
        connection.ensure_connection()
        connection.connection.drop_database(connection.settings_dict["NAME"])
        call_command("migrate", verbosity=0)
        installation.load()


@pytest.fixture(autouse=True)
def clean(_migrated: None, django_db_blocker: Any) -> Iterator[None]:
    """Empty collections and an empty Redis for every test. Django's flush would take 0.4 s."""
    with django_db_blocker.unblock():
        yield
        for name in written.take():
            if not name.startswith(KEPT):
                connection.get_collection(name).delete_many({})
        sync_redis().flushdb()


@pytest.fixture(scope="session", autouse=True)
def _cheap_hashes() -> Iterator[None]:
    """A hash of a password takes 36 ms, and most tests with one are about something else. Those
    about hashes take `full_hashes`; the systems that tests start as processes always have them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Argon2Hasher, "memory_cost", 8)
        patch.setattr(Argon2Hasher, "time_cost", 1)
        yield


@pytest.fixture
def full_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed as in an installation."""
    monkeypatch.setattr(Argon2Hasher, "memory_cost", FULL_HASH["memory_cost"])
    monkeypatch.setattr(Argon2Hasher, "time_cost", FULL_HASH["time_cost"])


@pytest.fixture(autouse=True)
def _no_language_stays() -> Iterator[None]:
    """A request in Chinese leaves its thread in Chinese, and a test may look without a request."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session", autouse=True)
async def _hub(_migrated: None) -> AsyncIterator[None]:
    """The hub of the session's event loop, up to its first beat. At the end it stops what still
    runs, so that nothing is torn down half-way."""
    adopt_running_loop()  # as the ASGI application does
    hub = current_hub()
    hub.start()
    async with asyncio.timeout(10):
        while hub.identity not in hub._heard:
            await asyncio.sleep(0.01)
    yield
    await current_hub().stop()
    await mongo_client().close()
    await async_redis().aclose()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


@pytest.fixture(scope="session", autouse=True)
def _quiet_background() -> Iterator[None]:
    """The same for the loop in the background, which synchronous tests use."""
    yield

    async def stop() -> None:
        await current_hub().stop()
        await get_channel_layer().flush()
        await mongo_client().close()

    run_on_loop(stop())


def new_user(name: str) -> User:
    """A user without a usable password (hashing one takes 50 ms)."""
    user = User(account=f"{name}-{new_identity()[-6:]}", nickname=name.title(), password="!")
    user.email = f"{user.account}@example.org"
    user.save(force_insert=True)
    return user


@dataclass
class Cast:
    """A group and everybody a rule can be about."""

    room: Room
    owner: User
    admin: User
    member: User
    muted: User
    outsider: User


@pytest.fixture
async def cast() -> Cast:
    """A group of four, one of them muted for an hour, and somebody who is not in it.

    Made from the loop that sockets in tests live on: nothing of it reaches them late, through
    the channel layer.
    """
    return await run_in_thread(make_cast)


def make_cast() -> Cast:
    names = ("owner", "admin", "member", "muted", "outsider")
    owner, admin, member, muted, outsider = (new_user(name) for name in names)
    room = services.create_group(
        creator=owner, name="Kitchen", members=[admin.pk, member.pk, muted.pk]
    )
    change = {"user": owner, "room_identity": room.pk}
    services.change_member(**change, peer_identity=admin.pk, role=Role.ADMIN)
    an_hour = now_ms() + 3_600_000
    services.change_member(**change, peer_identity=muted.pk, muted_until=an_hour)
    return Cast(room, owner, admin, member, muted, outsider)


def hand_over(owner: User, room: Room, heir: User) -> None:
    """The owner offers the group, and the other accepts."""
    services.change_member(
        user=owner, room_identity=room.pk, peer_identity=heir.pk, role=Role.OWNER
    )
    services.accept_ownership(user=heir, room_identity=room.pk)
