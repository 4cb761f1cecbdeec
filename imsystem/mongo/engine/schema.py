"""Schema changes: the indexes that a migration adds to a collection are created in one call."""

from collections import defaultdict
from typing import Any

from django.db import models
from django_mongodb_backend.schema import DatabaseSchemaEditor
from pymongo.operations import IndexModel, SearchIndexModel


class SchemaEditor(DatabaseSchemaEditor):  # type: ignore[misc]
    """Gathers new indexes until the collection is used otherwise, or the migration ends.

    MongoDB reads a collection once for each call, however many indexes it names: three indexes on a
    million messages are one pass instead of three.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pending: defaultdict[str, list[IndexModel]] = defaultdict(list)

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        if exc_type is None:
            for name in list(self._pending):
                self.get_collection(name)
        super().__exit__(exc_type, exc_value, traceback)

    def get_collection(self, name: str) -> Any:
        """Returns the collection, with every index that was requested so far."""
        collection = super().get_collection(name)
        if indexes := self._pending.pop(name, None):
            collection.create_indexes(indexes)
        return collection

    def add_index(
        self,
        model: type[models.Model],
        index: models.Index,
        *,
        field: Any = None,
        unique: bool = False,
        column_prefix: str = "",
        parent_model: type[models.Model] | None = None,
    ) -> None:
        options = {"field": field, "unique": unique, "column_prefix": column_prefix}
        found = index.get_pymongo_index_model(model, schema_editor=self, **options)  # type: ignore[attr-defined]
        if isinstance(found, SearchIndexModel):
            super().add_index(model, index, parent_model=parent_model, **options)
        elif found:
            self._pending[(parent_model or model)._meta.db_table].append(found)
