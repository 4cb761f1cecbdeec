"""Unique indexes as MongoDB can use them."""

from typing import Any, cast

from django.apps import apps
from django.db import models
from pymongo import ASCENDING
from pymongo.operations import IndexModel


class UniqueIndex(models.Index):
    """A unique index over whole values, for `Meta.indexes`.

    Django's UniqueConstraint becomes a *partial* index here, on {field: {$type: "long"}} for a
    number. That does not guard our messages: PyMongo stores small numbers as 32-bit integers,
    which are not "long". And no query on a range could use it. (django-mongodb-backend 5.2.4,
    indexes.py; a test looks at the indexes that `migrate` leaves.)
    """

    def get_pymongo_index_model(
        self, model: type[models.Model], schema_editor: Any, **kwargs: Any
    ) -> IndexModel:
        """What the backend's schema editor asks every index for."""
        keys = [(column, ASCENDING) for column in self.columns(model)]
        return IndexModel(keys, name=self.name, unique=True)

    def columns(self, model: type[models.Model]) -> tuple[str, ...]:
        """Returns the names of the indexed fields in the documents."""
        fields = [
            cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in self.fields
        ]
        return tuple(str(field.column) for field in fields)


def unique_indexes() -> dict[str, set[tuple[str, ...]]]:
    """Returns the unique indexes that the apps declare, for each collection that has one."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for model in apps.get_models():
        for index in model._meta.indexes:
            if isinstance(index, UniqueIndex):
                found.setdefault(model._meta.db_table, set()).add(index.columns(model))
    return found
