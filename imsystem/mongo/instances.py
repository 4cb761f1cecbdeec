"""Documents of the async client as the ORM's objects."""

from typing import TypeVar

from django.db import models

from imsystem.mongo.clients import Document

M = TypeVar("M", bound=models.Model)


def instance(model: type[M], document: Document) -> M:
    """Returns the object that the ORM would make of a document. Fields that the document does not
    have are deferred: the ORM would read them on access."""
    fields = [field for field in model._meta.concrete_fields if field.column in document]
    return model.from_db(
        "default",
        [field.attname for field in fields],
        [document[str(field.column)] for field in fields],
    )
