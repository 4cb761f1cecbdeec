"""The async MongoDB client of the message path (everything else goes through the ORM)."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.models import Model
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from imsystem.loops import PerLoop

Document = dict[str, Any]
Fields = dict[str, int] | None


def _connect() -> AsyncMongoClient[Document]:
    return AsyncMongoClient(settings.MONGODB_URL, **settings.MONGODB_OPTIONS)


mongo_client = PerLoop(_connect)


# SecantusDB 0.7 takes 0.07 ms for each of 20 values of an `$in`, 0.09 of 100, 0.26 of 200.
IN_AT_ONCE = 20


async def find_in(
    model: type[Model], field: str, values: Sequence[str], fields: Fields = None, **more: Any
) -> list[Document]:
    """Returns the documents of a model in which `field` is one of `values` and `more` holds
    too, a few at a time."""
    found: list[Document] = []
    for start in range(0, len(values), IN_AT_ONCE):
        wanted = {field: {"$in": list(values[start : start + IN_AT_ONCE])}, **more}
        found += await collection_of(model).find(wanted, fields).to_list()
    return found


def collection_of(model: type[Model]) -> AsyncCollection[Document]:
    """The collection of a model. Only the app that owns the model asks for it."""
    return collection(model._meta.db_table)


def collection(name: str) -> AsyncCollection[Document]:
    """Returns the collection `name`, on the running loop's client: majority and journal, one
    deadline."""
    # The ORM's name, not the setting: Django's test runner uses a database of its own. And not
    # `connection`, of which Django makes one for each task that asks: 0.1 ms.
    return _collections()(connections.settings["default"]["NAME"], name)


def database() -> AsyncDatabase[Document]:
    """The database of all collections, on the running loop's client."""
    return mongo_client()[connections.settings["default"]["NAME"]]


def _collections_of_loop() -> Callable[[str, str], AsyncCollection[Document]]:
    client = mongo_client()
    # PyMongo makes a database and a collection each time: a twentieth of what a small read takes.
    return cache(lambda database, name: client[database][name])


_collections = PerLoop(_collections_of_loop)
