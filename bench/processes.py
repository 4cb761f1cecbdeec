"""The processes of the systems under load: starting them, their CPU time, their memory."""

import os
import resource
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench import BenchError
from imsystem.embedded import UpError, children, network

ROOT = Path(__file__).parents[1]
START_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0
MAX_FILES = 65_536
MAX_LINE = 600
LOOPBACK = network.LOOPBACK
# What a developer may have in the shell; the systems under load get their own.
CONFIGURATION = {
    *("MONGODB_URL", "MONGODB_NAME", "REDIS_URL", "EMAIL_URL", "DATA_DIR", "DEBUG"),
    *("SECRET_KEY", "JWT_SIGNING_KEY", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS"),
    *("RATE_LIMITS", "WEB_CONCURRENCY", "DJANGO_SETTINGS_MODULE"),
}

free_port = network.free_port


def environment(**variables: str) -> dict[str, str]:
    """The environment without configuration, and with `variables`."""
    kept = {name: value for name, value in os.environ.items() if name not in CONFIGURATION}
    return {**kept, **variables}


def program(name: str) -> str:
    """Where a program is, "" when it is not installed."""
    # Debian's servers are in sbin, which is not in everybody's PATH.
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or ""


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


@contextmanager
def started(
    name: str,
    command: Sequence[str],
    home: Path,
    ready: Callable[[], bool],
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[children.Child]:
    """A process from when it answers until the end of the block; it ends with this one, however
    this one ends. Raises BenchError when it does not start."""
    child = children.Child(
        name, command, log=home / f"{name}.log", env=env or environment(), cwd=cwd
    )
    try:
        deadline = time.monotonic() + START_WITHIN_S
        while not ready():
            if not child.runs():
                raise BenchError(end_of(child))
            if time.monotonic() > deadline:
                raise BenchError(f"{name} does not answer after {START_WITHIN_S:.0f} s")
            time.sleep(0.01)
        yield child
    finally:
        children.stop_all([child], STOP_WITHIN_S)


def end_of(child: children.Child) -> str:
    """Returns how a process ended, and its last output."""
    first, *log = child.obituary().splitlines()
    said = [line for line in log if any(map(str.isalnum, line))]
    return one_line(f"{first.partition(' Its last lines')[0]} {said[-1] if said else ''}")


def one_line(text: str) -> str:
    """The text without line breaks, and not longer than one reads."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…"


@contextmanager
def valkey(home: Path) -> Iterator[tuple[children.Child, str]]:
    """A Redis without persistence, and its address."""
    port = free_port()
    try:
        command = children.valkey_command(home, port)
    except UpError as exc:
        raise BenchError(str(exc)) from exc
    with started("valkey", command, home, lambda: network.redis_answers(port)) as child:
        yield child, f"redis://{LOOPBACK}:{port}/0"


def listens(port: int) -> bool:
    """True when something takes connections on the port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def tree(pid: int) -> list[psutil.Process]:
    """A process and all its descendants."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """The processor time they have used. Raises BenchError when one has ended."""
    try:
        times = [process.cpu_times() for process in processes]
    except psutil.NoSuchProcess as exc:
        raise BenchError(f"process {exc.pid} of a system under load has ended") from exc
    return sum(time.user + time.system for time in times)


def memory_bytes(processes: Sequence[psutil.Process]) -> int:
    """Returns their resident memory."""
    return sum(process.memory_info().rss for process in processes)


class Meter:
    """The share of a core that each part uses: 1.0 is one core. The load generator is "load"."""

    def __init__(self, parts: Mapping[str, Sequence[psutil.Process]]) -> None:
        self.parts = {"load": [psutil.Process()], **parts}
        self.restart()

    def restart(self) -> None:
        self.started = time.perf_counter()
        self.before = {name: cpu_seconds(found) for name, found in self.parts.items()}

    def shares(self) -> dict[str, float]:
        """{part: share of a core} since the start."""
        seconds = time.perf_counter() - self.started
        return {
            name: (cpu_seconds(found) - self.before[name]) / seconds
            for name, found in self.parts.items()
        }


def raise_file_limit() -> int:
    """Lets this process hold as many sockets as the system allows; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
