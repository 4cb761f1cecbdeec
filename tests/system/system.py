"""The system under test: `manage.py up` and databases of our own, to be killed and started again.

Everything is a child of this process or a child of such a child; `leftovers()` names those that
still run.
"""

import os
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from imsystem.embedded.children import mongodb_command, mongodb_url, valkey_command
from imsystem.embedded.network import free_port, mongodb_answers, redis_answers
from tests.system.people import PASSWORD, unique
from tests.up import Up, eventually, manage, runs

# Returns the process ids of everything the tests have started.
started: set[int] = set()


def leftovers() -> list[int]:
    """Returns the processes of all systems and engines so far that still run."""
    return [pid for pid in started if runs(pid)]


class System:
    """A system that keeps its data directory and its address over restarts."""

    def __init__(self, home: Path, *arguments: str, **variables: str) -> None:
        self.data_dir = home / "data"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._arguments = arguments
        self._variables = variables
        self.up: Up | None = None

    def start(self) -> str:
        """Starts it, waits until it serves, and returns what it printed."""
        port = ("--port", str(self.port))
        self.up = Up(self.data_dir, *port, *self._arguments, **self._variables)
        started.add(self.up.process.pid)
        try:
            self.up.wait_ready()
        finally:
            started.update(self._children())
        return self.up.output()

    def stop(self) -> int:
        """Sends SIGTERM and returns the exit code."""
        return self.up.stop() if self.up else 0

    def kill(self) -> None:
        """Sends SIGKILL to every process at once, as when the power fails."""
        assert self.up is not None
        pids = [*self._children(), self.up.process.pid]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.up.process.wait(10)
        assert eventually(lambda: not any(map(runs, pids)), 10)

    def superuser(self) -> str:
        """Returns the username of a new user, who has everybody's PASSWORD."""
        account = unique("root")
        made = manage(
            *("createsuperuser", "--noinput", "--account", account),
            *("--email", f"{account}@example.org"),
            DATA_DIR=str(self.data_dir),
            DJANGO_SUPERUSER_PASSWORD=PASSWORD,
        )
        assert made.returncode == 0, made.stdout
        return account

    def workers(self) -> list[int]:
        """Returns the web processes."""
        return [pid for pid in self._children() if "imsystem.embedded.web" in _command(pid)]

    def output(self) -> str:
        return self.up.output() if self.up else ""

    def _children(self) -> list[int]:
        if self.up is None or not self.up.runs():
            return []
        pid = self.up.process.pid
        return [int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()]


class Engine:
    """A database of our own on a port that stays the same."""

    def __init__(
        self, command: list[str], answers: Callable[[], bool], log: Path, port: int
    ) -> None:
        self.port = port
        self.command = command
        self._answers = answers
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it answers."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(self.command, stdout=output, stderr=output)
        started.add(self._process.pid)
        assert eventually(self._answers), self._log.read_text(errors="replace")

    def kill(self) -> None:
        """Sends SIGKILL and waits for the end."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(10)

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def freeze(self) -> None:
        """Freezes it: it keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self.runs:
            self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ends it cleanly, whatever state a test has left it in."""
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self._process.terminate()
            self._process.wait(30)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def mongodb(home: Path) -> tuple[Engine, str]:
    """Returns a MongoDB that writes to disk before it answers, and its address."""
    port, storage = free_port(), home / "mongodb"
    storage.mkdir()
    command, log = mongodb_command(storage, port), home / "mongodb.log"
    engine = Engine(command, partial(mongodb_answers, port), log, port)
    return engine, mongodb_url(port)


def valkey(home: Path) -> tuple[Engine, str]:
    """Returns a Redis that keeps nothing, and its address."""
    port = free_port()
    command, log = valkey_command(home, port), home / "valkey.log"
    engine = Engine(command, partial(redis_answers, port), log, port)
    return engine, f"redis://127.0.0.1:{port}/0"


def worker_of(system: System, client_port: int) -> int:
    """Returns the web process that serves the connection from this port of ours."""
    inode = _inode(server_port=system.port, client_port=client_port)
    for pid in system.workers():
        if inode in _sockets(pid):
            return pid
    raise LookupError(f"no worker serves port {client_port}")


def _inode(server_port: int, client_port: int) -> str:
    """Returns the server's end of a connection, as /proc/net/tcp lists it."""
    ends = (f":{server_port:04X}", f":{client_port:04X}")
    for line in _read("/proc/self/net/tcp").splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]):
            return fields[9]
    raise LookupError(f"no connection from port {client_port}")


def _sockets(pid: int) -> set[str]:
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except FileNotFoundError:
            continue
        found.add(target.removeprefix("socket:[").removesuffix("]"))
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _command(pid: int) -> str:
    return _read(f"/proc/{pid}/cmdline")
