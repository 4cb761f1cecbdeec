"""Real databases for the tests: SecantusDB and Valkey on free loopback ports, for one session.

Registered with `-p tests.databases` (pyproject.toml): they must answer before Django reads its
settings. With MONGODB_URL and REDIS_URL in the environment those are used instead, in a database
of their own (`im_test`). Of several test processes each starts its own.
"""

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from imsystem.embedded.children import Child

URLS = ("MONGODB_URL", "REDIS_URL")
if "PYTEST_XDIST_WORKER" in os.environ:  # what is set here was set by the process that reports
    for each in URLS:
        os.environ.pop(each, None)
# What whoever runs the tests has set, before it is set for them.
GIVEN = [name for name in URLS if name in os.environ]
GIVEN_MONGODB_URL = os.environ.get("MONGODB_URL", "")
START_WITHIN_S = 30.0
STOP_WITHIN_S = 30.0


def pytest_addoption() -> None:
    """The earliest hook there is; pytest-django reads the settings soon after."""
    home = Path(tempfile.mkdtemp(prefix="imsystem-tests-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["DATA_DIR"] = str(home)  # before imsystem.env looks for one
    os.environ["SECRET_KEY"] = "tests-" * 10
    os.environ["JWT_SIGNING_KEY"] = "tests-too-" * 6
    os.environ["MONGODB_NAME"] = "im_test"
    _start_databases(home)


def pytest_configure(config: pytest.Config) -> None:
    """Tests empty their databases, so several processes cannot share those that are given."""
    if GIVEN and config.getoption("numprocesses", None):
        raise pytest.UsageError(f"{GIVEN[0]} is set: run `make test ARGS=tests`, in one process.")


def _start_databases(home: Path) -> None:
    from imsystem.embedded import children, network

    def start(name: str, command: list[str], answers: Callable[[], bool]) -> None:
        child = children.Child(name, command, log=home / f"{name}.log", cwd=home)
        atexit.register(children.stop_all, [child], STOP_WITHIN_S)
        _wait(child, answers)

    if "MONGODB_URL" not in os.environ:
        port = network.free_port()
        command = children.mongodb_command(home / "mongodb", port)
        # The suite tests order and rules; tests/system kills processes, and has its own database.
        command.remove("--sync-on-commit")
        start("mongodb", command, lambda: network.mongodb_answers(port))
        os.environ["MONGODB_URL"] = children.mongodb_url(port)
    if "REDIS_URL" not in os.environ:
        port = network.free_port()
        command = children.valkey_command(home, port)
        start("valkey", command, lambda: network.redis_answers(port))
        os.environ["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"


def _wait(child: "Child", answers: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while not answers():
        if not child.runs() or time.monotonic() > deadline:
            raise RuntimeError(f"{child.name} does not answer; {child.log} says why")
        time.sleep(0.02)
