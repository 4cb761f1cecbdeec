"""An operator where a value belongs, in every field there is: of bodies, frames and forms.

The fields come from the API's own document and from the commands' types, so that a new one is tried
without further ado. Whatever is allowed to hold text is text in the end, never a condition.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
import pytest
from drf_spectacular.generators import SchemaGenerator

from imsystem.realtime.commands import Rejected, commands, parse
from tests.api import Api
from tests.conftest import new_user
from tests.matrix.world import place, stored

OPERATORS: list[Any] = [{"$ne": None}, {"$gt": ""}, {"$regex": ".*"}, ["a", "b"], [{"$ne": 1}]]
Field = tuple[str, str, str]


@cache
def document() -> dict[str, Any]:
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


def fields() -> Iterator[Field]:
    """Returns method, path and name of every scalar in a JSON body."""
    components = document()["components"]["schemas"]
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {}).get("schema", {})
            name = body.get("$ref", "").rpartition("/")[2]
            for field, kind in components.get(name, {}).get("properties", {}).items():
                if kind.get("type") != "array":
                    yield method.upper(), path, field


def members() -> Iterator[tuple[str, str]]:
    for command, known in commands.items():
        for field in msgspec.structs.fields(known.struct):
            yield command, field.encode_name


# Made once, before the tests: reading the document takes a second.
FIELDS = sorted(fields())


def own(path: str) -> str:
    """Returns the address, filled with what belongs to the owner of the home."""
    home = place("home")
    names = home.names("owner")
    known = {
        "room_identity": names["room"],
        "message_identity": names["own"],
        "user_identity": names["peer"],
        "session_identity": "0" * 24,
    }
    return path.removeprefix("/api/v1/").format(**known)


@pytest.mark.parametrize(("method", "path", "field"), FIELDS)
def test_a_field_of_a_body(method: str, path: str, field: str) -> None:
    api = place("home").client("owner")
    address = own(path)
    before = stored()
    for value in OPERATORS:
        answer = api.call(method, address, {field: value})
        assert answer.status_code == 400, (value, answer.content)
        assert field in answer.json()["errors"], (value, answer.content)
    assert stored() == before


GOOD: dict[str, Any] = {
    "id": "1", "room_identity": "0" * 24, "message_identity": "0" * 24, "client_id": "c",
    "data": "x", "kind": "text", "reply_to": "0" * 24, "seq": 1, "rooms": {}, "token": "x",
}  # fmt: skip


@pytest.mark.parametrize(("command", "field"), sorted(members()))
def test_a_field_of_a_command(command: str, field: str) -> None:
    parse(json.dumps(GOOD | {"type": command}))
    for value in OPERATORS:
        if field == "rooms" and isinstance(value, dict):
            value = {"0" * 24: value}
        with pytest.raises(Rejected) as refused:
            parse(json.dumps(GOOD | {"type": command, field: value}))
        assert refused.value.error.code == "bad_request"


def test_what_names_a_room_is_no_condition() -> None:
    """In addresses and queries everything is text, which no identity begins with."""
    home, api = place("home"), Api(new_user("mallory"))
    for text in ("%24ne", "%7B%22%24ne%22%3Anull%7D", ".%2A", "%5E", "[$ne]"):
        for path in (f"rooms/{text}/", f"rooms/{text}/messages/", f"users/{text}/"):
            assert api.get(path).status_code == 404, path
        for query in (f"rooms/lookup/?number={text}", "rooms/lookup/?number[$ne]=1"):
            assert api.get(query).status_code in (400, 404), query
        found = api.get(f"users/?account={text}")
        assert (found.status_code, home.people["owner"].pk in found.content.decode()) in {
            (404, False), (400, False), (200, False),
        }  # fmt: skip


def test_there_are_fields_to_try() -> None:
    assert len(FIELDS) > 30
    assert ("POST", "/api/v1/auth/login/", "password") in FIELDS
