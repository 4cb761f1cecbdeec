"""What a process holds: memory, file descriptors, tasks; and how fast that grows."""

import os
import signal
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from tests.faults.site import Worker
from tests.system.clients import until

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MIB = 1024 * 1024


@dataclass(frozen=True)
class Vitals:
    """`rss` in MiB; `tasks` is 0 for anything but a web worker."""

    pid: int
    rss: float
    fds: int
    tasks: int = 0


def look_at(pid: int, tasks: int = 0) -> Vitals:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Vitals(pid, pages * PAGE_BYTES / MIB, len(os.listdir(f"/proc/{pid}/fd")), tasks)


async def look_at_worker(worker: Worker) -> Vitals:
    """Returns the number of tasks of a worker that runs tests.faults.watched_web."""
    told = Path(worker.environment["VITALS"])
    told.write_text("")  # noqa: ASYNC240 -- a byte
    os.kill(worker.pid, signal.SIGUSR2)
    await until(lambda: _number_in(told) > 0, 30)
    return look_at(worker.pid, _number_in(told))


def _number_in(file: Path) -> int:
    return int(file.read_text() or 0)


def slope(values: Sequence[float]) -> float:
    """Returns how much a value grows from each to the next: the median over all pairs (Theil-Sen),
    so that one odd minute does not count."""
    pairs = combinations(enumerate(values), 2)
    rises = [(later - earlier) / (j - i) for (i, earlier), (j, later) in pairs]
    return statistics.median(rises) if rises else 0.0
