"""The rights of the web's user in docker-compose.yml are enough, and end at its database."""

from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from imsystem.embedded.children import mongodb_command, mongodb_url
from imsystem.embedded.protection import make_user
from imsystem.ops.failures import NO_RIGHTS
from tests.system.system import mongodb, valkey
from tests.up import Up, manage

UNAUTHORIZED = 13


def test_read_and_write_in_one_database_is_enough(tmp_path: Path) -> None:
    """The first start (collections, indexes), a second one, doctor, backup, restore."""
    engine, _ = mongodb(tmp_path)
    redis, redis_url = valkey(tmp_path)
    engine.start()
    redis.start()
    try:
        make_user(engine.port, "of-root")
        engine.stop()
        engine.command = mongodb_command(tmp_path / "mongodb", engine.port, protected=True)
        engine.start()
        root = MongoClient(mongodb_url(engine.port, "of-root"))
        role = {"role": "readWrite", "db": "im"}
        root.admin.command("createUser", "web", pwd="of-web", roles=[role])
        root.close()
        url = mongodb_url(engine.port, "of-web").replace("//imsystem:", "//web:")
        _its_own_only(url)
        patient = {"MONGODB_TIMEOUT_MS": "60000"}  # a test of rights, not of speed
        databases = {"MONGODB_URL": url, "REDIS_URL": redis_url, **patient}
        for told in ("migrations applied", "up to date"):
            with Up(tmp_path / "data", **databases) as up:
                assert told in up.output()
        everything = databases | {"DATA_DIR": str(tmp_path / "data")}
        backup = str(tmp_path / "backup")
        for command in (
            ["seed_demo", "--yes"],
            ["backup", backup],
            ["restore", "--replace", backup],
        ):
            done = manage(*command, **everything)
            assert done.returncode == 0, done.stdout
        elsewhere = manage("backup", str(tmp_path / "no"), MONGODB_NAME="other", **everything)
        told = f"CommandError: {NO_RIGHTS.format('lacks the rights', UNAUTHORIZED)}"
        assert elsewhere.stdout.splitlines()[-1] == told
        checked = manage("doctor", **everything).stdout
        assert "FAILED" not in checked, checked
    finally:
        engine.stop()
        redis.stop()


def _its_own_only(url: str) -> None:
    with MongoClient(url) as client:
        for command in ({"find": "x"}, {"listCollections": 1}):
            with pytest.raises(OperationFailure) as refused:
                client["other"].command(command)
            assert refused.value.code == UNAUTHORIZED
        with pytest.raises(OperationFailure):
            client.admin.command("createUser", "eve", pwd="x", roles=["root"])
