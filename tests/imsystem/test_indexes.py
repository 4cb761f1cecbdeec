"""The indexes `migrate` leaves are whole ones: the promise rests on them."""

from typing import Any

import pytest
from bson import Int64
from django.db import connection
from pymongo.errors import DuplicateKeyError

from imsystem.mongo.indexes import unique_indexes

UNIQUE = {
    "user_basic": {("account",), ("email",)},
    "two_factor": {("user_identity",)},
    "room_basic": {("number",)},
    "room_ban": {("room_identity", "user_identity")},
    "user_room": {("room_identity", "user_identity")},
    "message_basic": {("room_identity", "seq"), ("room_identity", "user_identity", "client_id")},
}


def test_the_apps_declare_them() -> None:
    assert unique_indexes() == UNIQUE


@pytest.mark.parametrize(
    ("name", "fields"), [(name, fields) for name in UNIQUE for fields in sorted(UNIQUE[name])]
)
def test_unique_indexes_are_whole(name: str, fields: tuple[str, ...]) -> None:
    indexes: list[dict[str, Any]] = list(connection.get_collection(name).list_indexes())
    (index,) = [index for index in indexes if tuple(index["key"]) == fields]
    assert index["unique"]
    assert "partialFilterExpression" not in index


def test_changes_have_an_index_that_new_messages_do_not_pay_for() -> None:
    indexes = list(connection.get_collection("message_basic").list_indexes())
    (index,) = [i for i in indexes if list(i["key"]) == ["room_identity", "revision"]]
    assert index["partialFilterExpression"] == {"revision": {"$gt": 0}}


def test_one_number_in_two_widths_is_one_number() -> None:
    """PyMongo stores 5 in 32 bits, the ORM in 64: the index must not take them for two."""
    messages = connection.get_collection("message_basic")
    messages.insert_one({"_id": "1", "room_identity": "r", "seq": 5, "client_id": "a"})
    with pytest.raises(DuplicateKeyError):
        messages.insert_one({"_id": "2", "room_identity": "r", "seq": Int64(5), "client_id": "b"})
