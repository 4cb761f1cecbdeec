"""Starts the parts, watches them, and stops them in reverse order."""

import importlib
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

from imsystem.embedded import UpError, network, protection
from imsystem.embedded.children import (
    WEB_ENVIRONMENT,
    Child,
    mongodb_command,
    mongodb_url,
    python_command,
    redis_url,
    stop_all,
    valkey_command,
)
from imsystem.embedded.console import part_line
from imsystem.embedded.control import REFUSED
from imsystem.embedded.datadir import DataDir
from imsystem.embedded.starting import Starting
from imsystem.embedded.workers import Revival, Worker
from imsystem.env import BASE_DIR, env
from imsystem.mongo import MIGRATED_WITHIN_S
from imsystem.ops.lines import PROCESS_VARIABLE

POLL_S = 0.02
READY_WITHIN_S = 30.0
# Sockets are closed within 5 s (imsystem/realtime/draining.py); then uvicorn gives requests 5 s.
WEB_STOP_S = 15.0
DATABASE_STOP_S = 30.0  # SecantusDB takes up to 4 s
EMBEDDED_NOTE = (
    "embedded databases: for trial and small teams; set MONGODB_URL and REDIS_URL for production"
)

NO_HOSTS = (
    "only this machine can use it: other people get 400. "
    "Set ALLOWED_HOSTS to the names or addresses they type, e.g. ALLOWED_HOSTS=chat.example.org"
)
# A socket takes a descriptor, and so do databases, files and the workers' own connections.
FEW_FILES = 4_096
FEW_FILES_NOTE = (
    "this process may open {} files, so about as many people can be connected. "
    "Raise the hard limit (`ulimit -Hn`, LimitNOFILE= of systemd)."
)
OTHERS_MAY_WRITE = (
    "other accounts of this machine may write to the data directory {}, so its passwords protect "
    "nothing. Take that right away: chmod 700"
)
BEGUN_ANEW = "the first start was interrupted before the database was complete; it begins anew"


@dataclass(frozen=True)
class Options:
    host: str
    port: int
    data_dir: Path
    workers: int


class StopRequestedError(Exception):
    """SIGTERM or Ctrl-C."""


class Supervisor:
    """The process tree of one `up`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.started = time.monotonic()
        self.data = DataDir(options.data_dir)
        self.databases: list[Child] = []
        self.workers: list[Worker] = []
        self.endpoints: dict[str, str] = {}
        self.future_password = ""  # of a MongoDB that has none yet
        self.stop_requested = threading.Event()

    def run(self) -> None:
        """Serves until a signal. Raises UpError when it cannot, after everything has stopped."""
        with ExitStack() as cleanup:
            cleanup.enter_context(self._signals())
            check_settings()
            self.lock = self.data.lock()
            cleanup.callback(os.close, self.lock)
            self.data.remove_endpoints()
            self.listener = network.listen(self.options.host, self.options.port)
            cleanup.enter_context(self.listener)
            self.data.make_secrets()
            self.metrics = self.data.fresh_metrics()
            self.starting = Starting(self.listener)
            self.starting.start()
            cleanup.callback(self.starting.stop)
            cleanup.callback(self._stop)
            try:
                self._start()
                self._watch()
            except StopRequestedError:
                say("stopping")

    # --- start -----------------------------------------------------------------------------

    def _start(self) -> None:
        self._warn()
        ports = self._start_databases()
        if ports:
            say(EMBEDDED_NOTE)
        self._start_workers()
        self._await_databases(ports)
        self._await_workers()
        say(f"ready after {self._age():.1f} s: {self._url()}  (Ctrl-C stops)")

    def _warn(self) -> None:
        """Says what will trouble people later and stops nothing now."""
        if network.serves_everybody(self.options.host) and not is_set("ALLOWED_HOSTS"):
            say(f"warning: {NO_HOSTS}")
        if self.data.others_may_write:
            say(f"warning: {OTHERS_MAY_WRITE.format(self.data.path)}")
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if most != resource.RLIM_INFINITY and most < FEW_FILES:
            say(f"warning: {FEW_FILES_NOTE.format(most)}")

    def _start_databases(self) -> dict[str, int]:
        """Starts what the environment does not name; {name: port}."""
        ports = {}
        if not is_set("MONGODB_URL"):
            if self.data.begin_initialisation():
                say(BEGUN_ANEW)
            port = ports["mongodb"] = network.free_port()
            self.endpoints["MONGODB_URL"] = mongodb_url(port, self._start_mongodb(port))
        if not is_set("REDIS_URL"):
            port, password = network.free_port(), protection.new_password()
            ports["redis"] = port
            command = valkey_command(self.data.path / "valkey", port, password)
            self._start_database("redis", command)
            self.endpoints["REDIS_URL"] = redis_url(port, password)
        if ports and not is_set("EMAIL_URL"):
            self.endpoints["EMAIL_URL"] = f"echomail://{self.data.path / 'mail'}"
        return ports

    def _start_mongodb(self, port: int) -> str:
        """Returns the password: the one it has, or the one it gets (_protect_mongodb)."""
        storage = self.data.path / "mongodb"
        password = protection.read_password(storage)
        if not password:
            self.future_password = protection.new_password()
        command = mongodb_command(storage, port, protected=bool(password))
        self._start_database("mongodb", command)
        return password or self.future_password

    def _protect_mongodb(self, port: int) -> None:
        """Starts the database anew with a user, whose password it asks for from now on."""
        storage, first = self.data.path / "mongodb", self.databases[0]
        protection.make_user(port, self.future_password)
        if self.data.is_initialising:
            first.process.kill()  # in place of 2 s; it has nothing but the user, which is on disk
        first.terminate()
        first.wait(DATABASE_STOP_S)
        protection.keep_password(storage, self.future_password)
        command = mongodb_command(storage, port, protected=True)
        self.databases[0] = self._new_database("mongodb", command)
        self._await("mongodb", partial(network.mongodb_answers, port), READY_WITHIN_S)

    def _start_database(self, name: str, command: list[str]) -> None:
        self.databases.append(self._new_database(name, command))

    def _new_database(self, name: str, command: list[str]) -> Child:
        log = self.data.fresh_log(name)
        return Child(name, command, log=log, cwd=self.data.path, keep_open=[self.lock])

    def _start_workers(self) -> None:
        """Starts the web workers; they import Django (1.6 s) while the databases start."""
        external = {"mongodb", "redis"} - {child.name for child in self.databases}
        for number in range(1, self.options.workers + 1):
            mode = ["prepare", *sorted(external)] if number == 1 else []
            self.workers.append(Worker(number, self._start_worker(number, *mode)))

    def _start_worker(self, number: int, *mode: str) -> Child:
        descriptor = self.listener.fileno()
        return Child(
            f"web worker {number}",
            python_command("imsystem.embedded.web", str(descriptor), *mode),
            env=self._environment() | {PROCESS_VARIABLE: f"web worker {number}"},
            cwd=BASE_DIR,
            keep_open=[self.lock, descriptor],
        )

    def _environment(self) -> dict[str, str]:
        ours = {"DATA_DIR": str(self.data.path), "DJANGO_SETTINGS_MODULE": "imsystem.settings"}
        if not is_set("ALLOWED_HOSTS"):
            ours["ALLOWED_HOSTS"] = ",".join(network.allowed_hosts(self.options.host))
        if self.options.workers > 1:
            ours["PROMETHEUS_MULTIPROC_DIR"] = str(self.metrics)
        return WEB_ENVIRONMENT | os.environ | self.endpoints | ours

    def _await_databases(self, ports: dict[str, int]) -> None:
        pings = {"mongodb": network.mongodb_answers, "redis": network.redis_answers}
        for name, port in sorted(ports.items(), reverse=True):  # Redis is the faster one
            self._await(name, partial(pings[name], port), READY_WITHIN_S)
            if name == "mongodb" and self.future_password:
                self._protect_mongodb(port)
            say(part_line(name, self._age(), f"embedded, port {port}"))
        if self.endpoints:
            self.data.write_endpoints(self.endpoints)

    def _await_workers(self) -> None:
        """The first worker migrates and serves; then the others do."""
        first, *others = [worker.child for worker in self.workers]
        first.go()
        self._await(first.name, first.is_ready, MIGRATED_WITHIN_S)
        self.starting.stop()
        for child in others:
            child.go()
        for child in others:
            self._await(child.name, child.is_ready, READY_WITHIN_S)
        count = len(self.workers)
        say(part_line("web", self._age(), f"{count} worker{'s' if count > 1 else ''}"))

    def _await(self, name: str, done: Callable[[], bool], seconds: float) -> None:
        """Waits for `done`. Raises UpError after `seconds` or when a child has ended."""
        deadline = time.monotonic() + seconds
        while not done():
            self._check([*self.databases, *(worker.child for worker in self.workers)])
            if time.monotonic() > deadline:
                raise UpError(f"{name} is not ready after {seconds:.0f} s.")
            self.stop_requested.wait(POLL_S)

    def _age(self) -> float:
        return time.monotonic() - self.started

    def _url(self) -> str:
        return network.web_url(self.options.host, self.listener.getsockname()[1])

    # --- watch and stop --------------------------------------------------------------------

    def _watch(self) -> None:
        """From here on a web worker may end without the rest."""
        revival = Revival(self.workers, self._start_worker, say)
        while True:
            self._check(self.databases)
            revival.look(time.monotonic())
            self.stop_requested.wait(POLL_S * 10)

    def _check(self, children: Sequence[Child]) -> None:
        """Raises StopRequestedError on a signal, UpError when a part has ended.

        SystemExit when it has said itself why.
        """
        if self.stop_requested.is_set():
            raise StopRequestedError
        for child in children:
            if child.process.poll() == REFUSED:
                raise SystemExit(1)
            if not child.runs():
                raise UpError(child.obituary())

    def _stop(self) -> None:
        """Stops every part; web first, so that no request meets a database that is gone."""
        self.data.remove_endpoints()
        killed = stop_all([worker.child for worker in self.workers], WEB_STOP_S)
        for child in reversed(self.databases):
            killed += stop_all([child], DATABASE_STOP_S)
        for name in killed:
            say(f"{name} did not end in time and was killed")
        say("stopped")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals only set a flag: an exception out of a handler could lose a started child."""

        def request_stop(number: int, frame: FrameType | None) -> None:
            self.stop_requested.set()

        handled = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # ignored: started with nohup
            handled.append(signal.SIGHUP)
        before = {number: signal.signal(number, request_stop) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def check_settings() -> None:
    """Raises ImproperlyConfigured before anything is started: a first start that is cut off while
    the database makes its files used to leave a directory that never started again."""
    importlib.import_module("imsystem.settings")


def is_set(name: str) -> bool:
    """True when the environment (or .env) names it, itself or as NAME_FILE."""
    return bool(env.str(name, default=""))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
