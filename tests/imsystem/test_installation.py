"""The name that an installation has in Redis."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from pymongo.errors import ServerSelectionTimeoutError

from imsystem import installation
from imsystem.outage import is_outage
from imsystem.redis import key, sync_redis
from tests.backups import backup, database, restore
from tests.conftest import Cast


@pytest.fixture
def _unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has just started."""
    monkeypatch.setattr(installation, "_names", {})


@pytest.fixture
def other() -> Iterator[str]:
    """A database that was never used."""
    yield "im_test_other"
    connection.connection.drop_database("im_test_other")
    installation._names.pop("im_test_other", None)


@pytest.mark.usefixtures("_unknown")
def test_it_is_the_same_after_a_restart() -> None:
    assert installation.load() == installation.name() == installation.load()


def test_another_database_is_another_installation(other: str) -> None:
    here = installation.name()
    with database(other):
        there = installation.name()
    assert len({here, there}) == 2


def test_a_copied_identity_under_another_name_is_another_installation(other: str) -> None:
    here = installation.name()
    found = connection.database[installation.COLLECTION].find_one()
    connection.connection[other][installation.COLLECTION].insert_one(found)
    with database(other):
        assert installation.name() != here


def test_a_restored_backup_is_another_installation_also_under_the_same_name(
    cast: Cast, tmp_path: Path, second: str
) -> None:
    backup(tmp_path / "backup")
    restore(tmp_path / "backup", second)
    with database(second):
        restored = installation._identity()
    assert restored != installation._identity()


@pytest.mark.parametrize("repeat", range(20))
def test_processes_that_start_at_once_agree(other: str, repeat: int) -> None:
    with database(other), ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: installation.load(), range(4)))) == 1


@pytest.mark.usefixtures("_unknown")
async def test_the_event_loop_does_not_wait_for_it() -> None:
    with pytest.raises(installation.NameUnknown) as unknown:
        key("seq")
    assert is_outage(unknown.value)
    async with asyncio.timeout(5):
        while not installation._names:
            await asyncio.sleep(0.01)
    assert key("seq") == f"im:{installation.name()}:seq"


@pytest.mark.usefixtures("_unknown")
def test_a_process_starts_while_mongodb_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> str:
        raise ServerSelectionTimeoutError

    monkeypatch.setattr(installation, "_identity", away)
    installation.learn()
    with pytest.raises(ServerSelectionTimeoutError):
        installation.name()


def test_the_cache_keeps_to_it() -> None:
    cache.set("a", 1, timeout=5)
    assert sync_redis().keys() == [key("{cache}", "", "1", "a").encode()]
