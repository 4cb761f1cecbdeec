"""The files of deploy/ with the programs they are for.

Without a program its tests are skipped; with REQUIRE_DEPLOY (.ci/run sets it) they fail.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Finds a program: program("nginx")."""

    def find(name: str) -> str:
        found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if found is None and os.environ.get("REQUIRE_DEPLOY") and name != "systemd-analyze":
            pytest.fail(f"{name} is not installed")
        if found is None:
            pytest.skip(f"{name} is not installed")
        return found

    return find
