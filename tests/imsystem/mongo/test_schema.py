"""The schema editor: a collection's new indexes are made in one call."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models
from pymongo.monitoring import CommandListener, CommandStartedEvent, register

from imsystem.models import BasicModel
from imsystem.mongo.indexes import UniqueIndex


class _Calls(CommandListener):
    def __init__(self) -> None:
        self.indexes: list[list[str]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name == "createIndexes":
            self.indexes.append([index["name"] for index in event.command["indexes"]])

    def succeeded(self, event: Any) -> None: ...
    def failed(self, event: Any) -> None: ...


# Registered here, since a listener hears only the clients that are made after it. To close the pool
# for one would leave every other thread of the session with a client that is closed.
_calls = _Calls()
register(_calls)


class Thing(BasicModel):
    """A model of this module alone; no migration knows it."""

    first = models.CharField(max_length=8, db_index=True)
    second = models.CharField(max_length=8)

    class Meta:
        app_label = "schema_test"
        db_table = "schema_test"
        indexes = [
            UniqueIndex(fields=["second"], name="one_second"),
            models.Index(fields=["first", "second"], name="both"),
        ]

    def __str__(self) -> str:
        return self.first


@pytest.fixture
def model() -> Iterator[type[models.Model]]:
    yield Thing
    connection.get_collection("schema_test").drop()


@pytest.fixture
def calls() -> _Calls:
    _calls.indexes.clear()
    return _calls


def test_one_call_for_all_indexes_of_a_new_collection(
    model: type[models.Model], calls: _Calls
) -> None:
    with connection.schema_editor() as editor:
        editor.create_model(model)
    ((*names,),) = calls.indexes
    assert sorted(names)[:2] == ["both", "one_second"]
    assert len(names) == 3
    made = connection.get_collection("schema_test").index_information()
    assert set(made) == {"_id_", *names}


def test_an_index_that_is_removed_again_was_made_before(
    model: type[models.Model], calls: _Calls
) -> None:
    """In one migration: what was asked for first happens first."""
    with connection.schema_editor() as editor:
        editor.create_model(model)
        editor.remove_index(model, model._meta.indexes[1])
    assert "both" not in connection.get_collection("schema_test").index_information()


def test_a_migration_that_fails_makes_none(model: type[models.Model], calls: _Calls) -> None:
    def migrate() -> None:
        with connection.schema_editor() as editor:
            editor.create_model(model)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        migrate()
    assert calls.indexes == []
