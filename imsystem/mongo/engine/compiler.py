"""The backend's compilers, with flat filters, and with duplicates recognised by their code. Django
looks the classes up by these names."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, IntegrityError
from django_mongodb_backend import compiler
from pymongo.errors import PyMongoError

from imsystem.mongo.engine.flat import flat
from imsystem.mongo.retry import is_duplicate


@contextmanager
def _known_by_code() -> Iterator[None]:
    """Raises IntegrityError for every write that a unique index refused.

    The backend looks for MongoDB's wording ("E11000 duplicate key error"). DocumentDB's differs,
    and 7 of 8 simultaneous joins of a room were answered with 500.
    """
    try:
        yield
    except (DatabaseError, PyMongoError) as exc:
        if isinstance(exc, IntegrityError) or not is_duplicate(exc):
            raise
        raise IntegrityError from exc


class _FlatFilters:
    def build_query(self, columns: Any = None) -> Any:
        query = super().build_query(columns)  # type: ignore[misc]
        query.match_mql = flat(query.match_mql)
        return query


class SQLCompiler(_FlatFilters, compiler.SQLCompiler):  # type: ignore[misc]
    pass


class SQLInsertCompiler(_FlatFilters, compiler.SQLInsertCompiler):  # type: ignore[misc]
    def insert(self, docs: Any, returning_fields: Any = None) -> Any:
        with _known_by_code():
            return super().insert(docs, returning_fields=returning_fields)


class SQLDeleteCompiler(_FlatFilters, compiler.SQLDeleteCompiler):  # type: ignore[misc]
    pass


class SQLUpdateCompiler(_FlatFilters, compiler.SQLUpdateCompiler):  # type: ignore[misc]
    def update(self, criteria: Any, pipeline: Any) -> Any:
        with _known_by_code():
            return super().update(criteria, pipeline)


class SQLAggregateCompiler(_FlatFilters, compiler.SQLAggregateCompiler):  # type: ignore[misc]
    pass
