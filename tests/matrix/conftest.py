"""These tests share their world (world.py): it is emptied once, at the end of each module."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from imsystem.redis import sync_redis
from tests.conftest import KEPT
from tests.matrix.world import known_places


@pytest.fixture(autouse=True)
def clean() -> None:
    """Replaces the emptying after each test."""


@pytest.fixture(scope="module", autouse=True)
def _clean_at_the_end(_migrated: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        known_places.clear()
        for name in connection.introspection.table_names():
            if not name.startswith(KEPT):
                connection.get_collection(name).delete_many({})
        sync_redis().flushdb()
