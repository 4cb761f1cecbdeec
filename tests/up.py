"""`manage.py up` as a process of its own, for tests of the whole system."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.leaks import look_into_files

ROOT = Path(__file__).resolve().parent.parent
# What the test session sets for itself, and what a developer may have in the shell or in .env.
OURS = {
    *("MONGODB_URL", "MONGODB_NAME", "REDIS_URL", "EMAIL_URL", "DATA_DIR", "DEBUG"),
    *("SECRET_KEY", "JWT_SIGNING_KEY", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS"),
    *("RATE_LIMITS", "WEB_CONCURRENCY", "TRUSTED_PROXIES", "HSTS"),
    *("FRAMES_PER_SOCKET", "MESSAGES_PER_USER", "CONNECTS_PER_USER", "CONNECTS_PER_IP"),
    *("AVATARS_PER_USER", "NEW_ROOMS_PER_USER", "SOCKETS_PER_USER", "SOCKETS_PER_IP"),
    *("SOCKETS_PER_PROCESS", "HANDSHAKES_AT_ONCE", "ROOMS_PER_USER", "MEMBERS_PER_ROOM"),
    *("CONNECTIONS_PER_PROCESS", "CONNECTIONS_PER_IP", "HEAD_WITHIN_S", "BODY_STALLED_S"),
    *("MESSAGE_WITHIN_S", "ANSWER_STALLED_S", "LOWEST_BYTES_PER_S", "MAX_BODY_BYTES"),
    *("HELD_BYTES_PER_IP", "HELD_BYTES_PER_PROCESS", "READS_PER_USER"),
}
READY_WITHIN_S = 90.0


def clean_environment(**variables: str) -> dict[str, str]:
    """The environment without configuration, and with `variables`."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**kept, **variables}


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a management command to its end; output and errors together in `stdout`."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=clean_environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=READY_WITHIN_S,
        check=False,
    )


def eventually(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Polls until `true()`, at most `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def runs(pid: int) -> bool:
    """True when the process exists and is not merely waiting to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


class Up:
    """A running system on a free port: `with Up(tmp_path) as up: httpx.get(up.url)`."""

    def __init__(
        self,
        data_dir: Path,
        *arguments: str,
        command: Sequence[str] = (sys.executable, "manage.py", "up"),
        **variables: str,
    ) -> None:
        self.data_dir = data_dir
        self.log = data_dir.parent / f"{data_dir.name}.{time.monotonic_ns()}.out"
        options = ["--port", "0", "--data-dir", str(data_dir), *arguments]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, *options],
                cwd=ROOT,
                env=clean_environment(**variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def __enter__(self) -> Self:
        self.wait_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def wait_ready(self) -> None:
        eventually(lambda: "ready after" in self.output() or not self.runs(), READY_WITHIN_S)
        assert "ready after" in self.output(), self.output()

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def runs(self) -> bool:
        return self.process.poll() is None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:43210`"""
        line = next(line for line in self.output().splitlines() if "ready after" in line)
        return line.split()[4].rstrip("/")

    def parts(self) -> dict[str, int]:
        """The child processes: {"mongodb": pid, "redis": pid, "web": pid}."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {_part(int(child)): int(child) for child in children}

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stops the system as a user would; returns its exit code."""
        if self.runs():
            self.process.send_signal(number)
        code = self.process.wait(60)
        look_into_files(self.log, *self.data_dir.rglob("*.log"))
        return code


def _part(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_text()
    names = {"secantus": "mongodb", "valkey-server": "redis", "imsystem.embedded.web": "web"}
    return next((name for word, name in names.items() if word in command), command)
