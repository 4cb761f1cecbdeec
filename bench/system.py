"""The system under load: `manage.py up` on a fresh data directory, with embedded databases."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imsystem.embedded.network import free_port

ROOT = Path(__file__).parents[1]


@contextmanager
def running_system(workers: int) -> Iterator[str]:
    """Starts the system and gives its address; stops it and removes its data at the end.

    Sets DATA_DIR, so that Django in this process finds the same databases. MONGODB_URL and
    REDIS_URL of the environment are used when they are set.
    """
    with tempfile.TemporaryDirectory(prefix="imsystem-bench-") as home:
        os.environ |= {"DATA_DIR": home, "RATE_LIMITS": "off"}
        port = str(free_port())
        options = ["--port", port, "--data-dir", home, "--workers", str(workers)]
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            _wait_until_ready(process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.communicate()


def _wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready"):
            return
    raise SystemExit("the system did not start; `make run` shows why")
