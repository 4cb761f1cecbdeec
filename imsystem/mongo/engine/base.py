"""The database engine named in settings.DATABASES."""

from django_mongodb_backend import base, operations

from imsystem.mongo.engine.schema import SchemaEditor


class DatabaseOperations(operations.DatabaseOperations):  # type: ignore[misc]
    compiler_module = "imsystem.mongo.engine.compiler"


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc]
    ops_class = DatabaseOperations
    SchemaEditorClass = SchemaEditor
