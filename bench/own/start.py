"""The start: how long until there is a page, and what the web process takes when idle."""

import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from bench import BenchError
from bench.loads import Outcome
from bench.processes import memory_bytes
from bench.system import System, parts_of, settings, up

IDLE_S = 3.0
PAGE_WITHIN_S = 30.0


def start(system: System) -> Outcome:
    """Starts another `up` on an empty data directory, beside the idle system under load."""
    with tempfile.TemporaryDirectory(prefix="bench-start-") as folder:
        home = Path(folder)
        with settings(home, system.mongodb_url) as variables:
            started = time.perf_counter()
            with up(home, variables) as (pid, url):
                with urlopen(url + "/", timeout=PAGE_WITHIN_S) as page:  # noqa: S310 -- our own
                    found = page.read()
                seconds = time.perf_counter() - started
                if page.status != 200 or b"<html" not in found:
                    raise BenchError(f"the first page is not a page: {found[:200]!r}")
                time.sleep(IDLE_S)
                web = memory_bytes(parts_of(pid)["web"])
    return Outcome({"seconds": seconds, "mb": web / 1e6})
