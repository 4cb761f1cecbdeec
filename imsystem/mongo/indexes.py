"""Unique indexes as MongoDB can use them."""

from typing import Any, cast

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
        fields = [
            cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in self.fields
        ]
        keys = [(str(field.column), ASCENDING) for field in fields]
        return IndexModel(keys, name=self.name, unique=True)
