"""Flat filters mean what the backend's meant. No database."""

from typing import Any

import pytest

from imsystem.mongo.engine.flat import flat


@pytest.mark.parametrize(
    ("nested", "expected"),
    [
        ({}, {}),
        ({"a": 1}, {"a": 1}),
        ({"$and": [{"a": 1}, {"b": 2}]}, {"a": 1, "b": 2}),
        ({"$and": [{"a": 1}, {"$and": [{"b": 2}, {"c": 3}]}]}, {"a": 1, "b": 2, "c": 3}),
        (
            {"$and": [{"a": {"$gt": 1}}, {"a": {"$lte": 9}}]},
            {"a": {"$gt": 1, "$lte": 9}},
        ),
        ({"$and": [{"a": 1}, {"a": 2}]}, {"a": 1, "$and": [{"a": 2}]}),
        (
            {"$and": [{"a": {"$gt": 1}}, {"a": {"$gt": 2}}]},
            {"a": {"$gt": 1}, "$and": [{"a": {"$gt": 2}}]},
        ),
        (
            {"$and": [{"$or": [{"a": 1}, {"b": 1}]}, {"$or": [{"c": 1}, {"d": 1}]}]},
            {"$or": [{"a": 1}, {"b": 1}], "$and": [{"$or": [{"c": 1}, {"d": 1}]}]},
        ),
        ({"$or": [{"a": {"$exists": False}}, {"a": None}]}, {"a": None}),
        (
            {"$or": [{"a": {"$exists": False}}, {"b": None}]},
            {"$or": [{"a": {"$exists": False}}, {"b": None}]},
        ),
        (
            {"$and": [{"a": {"$regex": "^x", "$options": ""}}, {"a": {"$gt": "x"}}]},
            {"a": {"$regex": "^x", "$options": ""}, "$and": [{"a": {"$gt": "x"}}]},
        ),
    ],
)
def test_flat(nested: dict[str, Any], expected: dict[str, Any]) -> None:
    assert flat(nested) == expected
