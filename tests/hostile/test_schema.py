"""What the OpenAPI document says is what the API does: schemathesis against the running system.

For each operation requests of all kinds, right and wrong, by a member and by a stranger. More of
them: FUZZ_EXAMPLES=50 (make fuzz).
"""

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from tests.hostile.scene import Scene
from tests.hostile.target import Person

CHECKS: list[Any] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
# Parameters that nobody knows are ignored (test_queries.py), as unknown fields are.
UNKNOWN = "x-schemathesis-unknown-property"
# schemathesis does, whatever hypothesis thinks of it.
RANDOM = "ignore:Do not use the `random` module"
# Beside those that schemathesis makes of the document itself, some twenty for each operation.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def documented() -> Any:
    """The document with a word in place of each identity in a path: test_queries.py tests which
    ones are valid there. Here they always are."""
    document: Any = SchemaGenerator().get_schema(request=None, public=True)
    paths = {}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            given = operation.get("parameters", [])
            operation["parameters"] = [each for each in given if each["in"] != "path"]
        paths[re.sub(r"{(\w+)}", r"_\1_", path)] = methods
    return {**document, "paths": paths}


api = schemathesis.openapi.from_dict(documented())


class Client(requests.Session):
    """Puts the identities in."""

    def __init__(self, names: dict[str, str], headers: dict[str, str]) -> None:
        super().__init__()
        self.trust_env = False
        self.names, self.headers = names, {**self.headers, **headers}  # type: ignore[assignment]

    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        for name, identity in self.names.items():
            url = url.replace(f"_{name}_", identity)
        return super().request(method, url, **options)


@pytest.fixture(scope="module")
def sam(scene: Scene) -> Person:
    """Nobody else's things are touched: some of the requests delete."""
    scene.changes()
    return scene.target.register("sam")


@pytest.fixture(scope="module")
def session(scene: Scene, sam: Person) -> str:
    """Another device of Sam's."""
    other = scene.target.sign_in(sam)
    sessions = scene.as_person(other, "GET", "auth/sessions/")["results"]
    return next(str(each["identity"]) for each in sessions if each["current"])


@pytest.fixture
def member(scene: Scene, sam: Person, session: str) -> Iterator[Client]:
    """Sam, with a new room, a member and a message in it."""
    body = {"name": "sam's", "members": [scene.bob.identity]}
    room = scene.as_person(sam, "POST", "rooms/", body)["identity"]
    path, body = f"rooms/{room}/messages/", {"client_id": "c", "data": "x"}
    message = scene.as_person(sam, "POST", path, body)["identity"]
    names = {"room_identity": room, "user_identity": scene.bob.identity}
    names |= {"message_identity": message, "session_identity": session}
    with Client(names, sam.headers) as client:
        yield client


@pytest.fixture
def nobody() -> Iterator[Client]:
    with Client({}, {}) as client:
        yield client


def check(case: Any, scene: Scene, client: Client) -> None:
    answer = case.call(base_url=scene.target.url, session=client, timeout=3)
    excluded = [checks.negative_data_rejection] if UNKNOWN in (case.query or {}) else []
    case.validate_response(answer, checks=CHECKS, excluded_checks=excluded)


@pytest.mark.filterwarnings(RANDOM)
@pytest.mark.usefixtures("unharmed")
@api.parametrize()
@FUZZ
def test_by_a_member(case: Any, scene: Scene, member: Client) -> None:
    check(case, scene, member)


@pytest.mark.filterwarnings(RANDOM)
@pytest.mark.usefixtures("nothing_changed")
@api.parametrize()
@settings(FUZZ, phases=[Phase.generate])
def test_by_nobody(case: Any, scene: Scene, nobody: Client) -> None:
    check(case, scene, nobody)
