"""doctor names the engine, whatever version of MongoDB it pretends to be."""

from typing import Any

import pytest

from imsystem.health import diagnosis
from imsystem.mongo.clients import mongo_client
from imsystem.ops.engines import engine_of

MONGOD = {"gitVersion": "f0" * 20, "buildEnvironment": {"distarch": "x86_64"}}
DOCUMENTDB = {"version": "7.0.0", "bits": 64}


def of_documentdb(*versions: str) -> dict[str, Any]:
    return {"msg": "isdbgrid", "internal": {"documentdb_versions": [*versions], "kind": ""}}


@pytest.mark.parametrize(
    ("build", "hello", "told", "is_known"),
    [
        ({"version": "8.0.12", **MONGOD}, {}, "MongoDB 8.0.12", True),
        ({"version": "6.0.1", **MONGOD}, {}, "MongoDB 6.0.1", True),
        ({"version": "5.0.31", **MONGOD}, {}, "MongoDB 5.0.31", False),
        ({"version": "10.0.0-rc1", **MONGOD}, {}, "MongoDB 10.0.0-rc1", True),
        (DOCUMENTDB, of_documentdb("0.108-0", "0.108.0"), "DocumentDB 0.108-0", True),
        (DOCUMENTDB, of_documentdb("0.117.0"), "DocumentDB 0.117.0", True),
        (DOCUMENTDB, of_documentdb("0.103-0"), "DocumentDB 0.103-0", False),
        (DOCUMENTDB, of_documentdb("1.117-3", "2.0.0"), "DocumentDB 1.117-3", False),
        ({"version": "7.0.77", "ferretdb": {"version": "v2.5.0"}}, {}, "FerretDB v2.5.0", False),
        ({"version": "8.2.11", "secantusVersion": "0.7.0b3"}, {}, "SecantusDB 0.7.0b3", True),
        ({"version": "8.2.11", "secantusVersion": "0.8.0"}, {}, "SecantusDB 0.8.0", False),
        (
            *({"version": "5.0.0"}, {}),
            *("an unknown engine with the protocol of MongoDB 5.0.0", False),
        ),
    ],
)
def test_engines(build: dict[str, Any], hello: dict[str, Any], told: str, is_known: bool) -> None:
    engine = engine_of(build, hello)
    assert (str(engine), engine.is_known) == (told, is_known)


async def test_the_engine_of_the_tests_is_known() -> None:
    admin = mongo_client().admin
    engine = engine_of(await admin.command("buildInfo"), await admin.command("hello"))
    assert engine.is_known, engine


def test_another_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    other = engine_of({"version": "5.0.0"}, {})
    monkeypatch.setattr(diagnosis, "engine_of", lambda build, hello: other)
    found = diagnosis.examine("mongodb", diagnosis.check_mongodb, None)
    assert found.state is diagnosis.State.WARNING
    assert found.detail == (
        "an unknown engine with the protocol of MongoDB 5.0.0, which IMSystem has not been tried "
        "on. Tried: MongoDB 6+, DocumentDB 0.108+ on PostgreSQL, SecantusDB 0.7"
    )
