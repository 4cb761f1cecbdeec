"""The async MongoDB client of the message path (everything else goes through the ORM)."""

from typing import Any

from django.conf import settings
from django.db import connection
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection

from imsystem.loops import PerLoop

Document = dict[str, Any]


def _connect() -> AsyncMongoClient[Document]:
    return AsyncMongoClient(settings.MONGODB_URL, **settings.MONGODB_OPTIONS)


mongo_client = PerLoop(_connect)


def collection(name: str) -> AsyncCollection[Document]:
    """The collection `name`, on the running loop's client: majority and journal, one deadline."""
    # The ORM's name, not the setting: Django's test runner uses a database of its own.
    return mongo_client()[connection.settings_dict["NAME"]][name]
