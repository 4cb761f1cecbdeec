"""The backend's compilers, with flat filters. Django looks the classes up by these names."""

from typing import Any

from django_mongodb_backend import compiler

from imsystem.mongo.engine.flat import flat


class _FlatFilters:
    def build_query(self, columns: Any = None) -> Any:
        query = super().build_query(columns)  # type: ignore[misc]
        query.match_mql = flat(query.match_mql)
        return query


class SQLCompiler(_FlatFilters, compiler.SQLCompiler):  # type: ignore[misc]
    pass


class SQLInsertCompiler(_FlatFilters, compiler.SQLInsertCompiler):  # type: ignore[misc]
    pass


class SQLDeleteCompiler(_FlatFilters, compiler.SQLDeleteCompiler):  # type: ignore[misc]
    pass


class SQLUpdateCompiler(_FlatFilters, compiler.SQLUpdateCompiler):  # type: ignore[misc]
    pass


class SQLAggregateCompiler(_FlatFilters, compiler.SQLAggregateCompiler):  # type: ignore[misc]
    pass
