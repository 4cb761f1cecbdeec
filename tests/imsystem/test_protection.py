"""The embedded databases ask everybody for a password, and only their owner can read it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from imsystem.embedded.datadir import DataDir
from imsystem.embedded.supervisor import OTHERS_MAY_WRITE
from tests.up import Up, eventually, manage

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
UNAUTHORIZED, WRONG_PASSWORD = 13, 18
NOBODY = 65_534
PRIVATE_FILES = ("secrets.json", "endpoints.json", "valkey.conf", "mongodb/password")


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """One system whose data directory lies where every account comes to."""
    home = Path(tempfile.mkdtemp(prefix="imsystem-tests-"))
    home.chmod(0o755)
    with Up(home / "data") as running:
        yield running
    shutil.rmtree(home)


def endpoints(up: Up) -> dict[str, str]:
    found: dict[str, str] = json.loads((up.data_dir / "endpoints.json").read_text())
    return found


def without_password(url: str, user: str = "") -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{user}127.0.0.1:{parts.port}").geturl()


class TestWithoutThePassword:
    @pytest.mark.parametrize("command", [{"find": "user_basic"}, {"listCollections": 1}])
    def test_mongodb_refuses(self, up: Up, command: dict[str, Any]) -> None:
        with MongoClient(without_password(endpoints(up)["MONGODB_URL"])) as client:
            with pytest.raises(OperationFailure) as refused:
                client["im"].command(command)
            assert refused.value.code == UNAUTHORIZED

    def test_nobody_makes_a_user(self, up: Up) -> None:
        url = without_password(endpoints(up)["MONGODB_URL"])
        with MongoClient(url) as client:
            with pytest.raises(OperationFailure) as refused:
                client.admin.command("createUser", "eve", pwd="x", roles=["root"])
            assert refused.value.code == UNAUTHORIZED

    def test_a_wrong_one_is_refused(self, up: Up) -> None:
        url = without_password(endpoints(up)["MONGODB_URL"], "imsystem:guess@")
        with MongoClient(url) as client:
            with pytest.raises(OperationFailure) as refused:
                client.admin.command("listDatabases")
            assert refused.value.code == WRONG_PASSWORD

    def test_redis_refuses(self, up: Up) -> None:
        url = without_password(endpoints(up)["REDIS_URL"])
        with redis.Redis.from_url(url) as client, pytest.raises(redis.AuthenticationError):
            client.keys()
        guessed = without_password(url, ":guess@")
        with redis.Redis.from_url(guessed) as client, pytest.raises(redis.AuthenticationError):
            client.keys()


class TestThePassword:
    def test_is_seen_nowhere(self, up: Up) -> None:
        """Every account may read the command lines of all processes."""
        passwords = [urlsplit(url).password for url in endpoints(up).values()][:2]
        told = "".join(
            Path(f"/proc/{pid}/cmdline").read_text()
            for pid in (*up.parts().values(), up.process.pid)
        )
        logs = "".join(path.read_text() for path in up.data_dir.rglob("*.log"))
        for password in passwords:
            assert password is not None
            assert len(password) > 40
            assert password not in told + logs + up.output()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
    @pytest.mark.parametrize("name", PRIVATE_FILES)
    def test_another_account_cannot_read_it(self, up: Up, name: str) -> None:
        """Not even where the data directory itself has been opened to all."""
        code = f"import os; os.setgid({NOBODY}); os.setuid({NOBODY}); open({name!r})"
        up.data_dir.chmod(0o755)
        try:
            refused = subprocess.run(
                [sys.executable, "-I", "-S", "-c", code],
                cwd=up.data_dir,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            up.data_dir.chmod(0o700)
        assert f"PermissionError: [Errno 13] Permission denied: '{name}'" in refused.stderr

    def test_commands_find_it_by_the_data_directory(self, up: Up, tmp_path: Path) -> None:
        for command in (["check"], ["seed_demo"], ["backup", str(tmp_path / "backup.tar.gz")]):
            done = manage(*command, DATA_DIR=str(up.data_dir))
            assert done.returncode == 0, done.stdout


def test_an_older_database_gets_a_password_and_keeps_its_data(tmp_path: Path) -> None:
    """Also one whose password file was lost."""
    data_dir = tmp_path / "data"
    with Up(data_dir) as up, MongoClient(endpoints(up)["MONGODB_URL"]) as client:
        client["im"]["kept"].insert_one({"_id": "x"})
    (data_dir / "mongodb" / "password").unlink()
    (data_dir / "mongodb").chmod(0o755)
    with Up(data_dir) as up:
        url = endpoints(up)["MONGODB_URL"]
        with MongoClient(url) as client:
            assert list(client["im"]["kept"].find()) == [{"_id": "x"}]
            client.admin.command("createUser", "eve", pwd="x", roles=["root"])
        with MongoClient(without_password(url)) as client, pytest.raises(OperationFailure):
            client["im"]["kept"].find_one()
        _somebody_was_first(data_dir)
    refused = Up(data_dir)
    assert eventually(lambda: not refused.runs())
    line = "error: The embedded database has users that are not ours: ['eve', 'imsystem']."
    assert (refused.process.poll(), line in refused.output().splitlines()) == (1, True)


def _somebody_was_first(data_dir: Path) -> None:
    """What was in a new database before it had a password is not taken for ours."""
    (data_dir / "initialising").touch()
    drop = "from django.db import connection as c; c.ensure_connection();"
    drop += "c.connection.admin.command('dropUser', 'eve');"
    add = "c.connection.admin.command('createUser', 'eve', pwd='x', roles=['root'])"
    code = f"""
from imsystem.embedded import UpError, prepare
{drop}
try:
    prepare.refuse_strangers()
except UpError as exc:
    print(exc)
{add}
"""
    told = manage("shell", "-v", "0", "-c", code, DATA_DIR=str(data_dir)).stdout
    (data_dir / "initialising").unlink()
    assert told == ("Somebody wrote to the new database before it was protected. Start again.\n")


def test_a_directory_that_others_may_change_is_told(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    assert not DataDir(data_dir).others_may_write
    data_dir.chmod(0o777)
    started = Up(data_dir)
    try:
        warning = f"warning: {OTHERS_MAY_WRITE.format(data_dir)}"
        assert eventually(lambda: warning in started.output().splitlines())
    finally:
        started.stop()
