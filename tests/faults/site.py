"""The real parts, each of which can be killed, frozen and cut off: MongoDB, Redis, web workers.

Every worker has its own way to each database and clients have a way to each worker, through
proxies:

    client -> worker.front -> worker -> worker.mongodb, worker.redis -> the databases
                                     -> site.mail -> a mail server
"""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import httpx

from imsystem.embedded.children import WEB_ENVIRONMENT, Child, python_command
from imsystem.embedded.children import mongodb_url as embedded_mongodb_url
from imsystem.embedded.network import free_port
from tests.faults.mail import MailServer
from tests.faults.proxy import Proxy
from tests.system.people import Person, register, sign_in
from tests.system.system import Engine, mongodb, started, valkey
from tests.up import ROOT, clean_environment, eventually, runs

READY_WITHIN_S = 60.0
WEB = "imsystem.embedded.web"
# Simultaneous registrations: each hashes a password.
AT_ONCE = 8


class Worker:
    """A web process at an address that stays the same."""

    def __init__(self, home: Path, name: str, environment: dict[str, str], program: str) -> None:
        self.name = name
        self.program = program
        self.home = home
        self.front, self.mongodb, self.redis = Proxy(0), Proxy(0), Proxy(0)
        self.port = 0
        self.environment = environment
        self.special = False  # it was started in a way that the next case does not want
        self.child: Child | None = None
        self._logs: list[Path] = []

    async def connect(self, mongodb_port: int, redis_port: int) -> None:
        """Puts the proxies up. `mongodb_port` 0: MongoDB is not ours, no proxy."""
        self.port = free_port()
        targets = ((self.front, self.port), (self.mongodb, mongodb_port), (self.redis, redis_port))
        for proxy, target in targets:
            proxy.target = target
            await proxy.start()
        self.environment["REDIS_URL"] = f"redis://127.0.0.1:{self.redis.port}/0"
        if mongodb_port:
            self.environment["MONGODB_URL"] = embedded_mongodb_url(self.mongodb.port)

    @property
    def url(self) -> str:
        """Returns its own address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def front_url(self) -> str:
        """Returns where clients go: through the proxy."""
        return f"http://127.0.0.1:{self.front.port}"

    @property
    def pid(self) -> int:
        assert self.child is not None
        return self.child.process.pid

    @property
    def runs(self) -> bool:
        return self.child is not None and self.child.runs()

    def output(self) -> str:
        """Returns what it has logged, over all its lives."""
        return "".join(log.read_text(errors="replace") for log in self._logs)

    async def start(
        self,
        *,
        prepare: bool = False,
        program: str = "",
        log: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Starts it and waits until it serves. `variables` go into its environment; `program`
        replaces the one it was made with."""
        self.special = bool(variables or program or log)
        if self.child is not None:
            self.child.control.close()
        path = log or self.home / f"{self.name}.{len(self._logs)}.log"
        with socket.create_server(("127.0.0.1", self.port), backlog=2_048) as listener:
            command = python_command(program or self.program, str(listener.fileno()))
            self.child = Child(
                self.name,
                [*command, "prepare", "mongodb", "redis"] if prepare else command,
                log=path,
                env=self.environment | dict(variables or {}),
                cwd=ROOT,
                keep_open=[listener.fileno()],
            )
        started.add(self.pid)
        if log is None:
            self._logs.append(path)
        self.child.go()
        async with asyncio.timeout(READY_WITHIN_S):
            while not self.child.is_ready():
                assert self.child.runs(), self.output()
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """Sends SIGKILL and waits for the end."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> None:
        """Sends SIGTERM: it closes its sockets with 1012 and ends."""
        await self._end(signal.SIGTERM)

    async def ended(self, within: float = 30.0) -> None:
        """Waits until it has ended by itself."""
        async with asyncio.timeout(within):
            while self.runs:
                await asyncio.sleep(0.01)

    async def restart(
        self, *, program: str = "", log: Path | None = None, **variables: str
    ) -> None:
        """Replaces it by another process, while nobody is connected."""
        if self.runs:
            await self.kill()
        await self.start(program=program, log=log, variables=variables)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if self.runs:
            os.kill(self.pid, signal.SIGCONT)

    async def _end(self, number: int) -> None:
        os.kill(self.pid, number)
        await self.ended()

    async def mend(self) -> None:
        """Restores it to how it was in the beginning."""
        self.thaw()
        for proxy in (self.front, self.mongodb, self.redis):
            proxy.reset(forgotten=True)
            await proxy.heal()
        if self.special and self.runs:
            await self.kill()
        if not self.runs:
            await self.start()

    async def ready(self, within: float = READY_WITHIN_S) -> None:
        """Waits until /readyz says that both databases answer it."""
        async with httpx.AsyncClient(timeout=5) as probe, asyncio.timeout(within):
            while not await self._is_ready(probe):
                await asyncio.sleep(0.1)

    async def _is_ready(self, probe: httpx.AsyncClient) -> bool:
        try:
            return (await probe.get(f"{self.url}/readyz")).status_code == 200
        except httpx.HTTPError:
            return False

    async def stop(self) -> None:
        if self.child is not None:
            self.thaw()
            if self.runs:
                await self.terminate()
            self.child.control.close()
        for proxy in (self.front, self.mongodb, self.redis):
            await proxy.stop()


class Site:
    """Both databases and the workers, kept over many cases: each has to leave it healthy.

    `mongodb_url`: a MongoDB that is not ours to kill. `careless`: acks do not wait for the disk.
    `program`: what a worker runs.
    """

    def __init__(
        self,
        home: Path,
        *,
        workers: int = 2,
        mongodb_url: str = "",
        careless: bool = False,
        program: str = WEB,
    ) -> None:
        self.home = home
        self.external = bool(mongodb_url)
        self.mongodb, self.mongodb_url = mongodb(home)
        if careless:
            self.mongodb.command.remove("--sync-on-commit")
        self.redis, self.redis_url = valkey(home)
        if mongodb_url:
            self.mongodb_url = mongodb_url
        self.mail_server, self.mail = MailServer(home / "mail"), Proxy(0)
        self.people: list[Person] = []
        settings = "tests.faults.careless_settings" if careless else "imsystem.settings"
        environment = self._environment() | {"DJANGO_SETTINGS_MODULE": settings}
        self.workers = [
            Worker(home, f"worker{number}", dict(environment), program) for number in range(workers)
        ]

    def _environment(self) -> dict[str, str]:
        return WEB_ENVIRONMENT | clean_environment(
            MONGODB_URL=self.mongodb_url,
            MONGODB_NAME=f"im_faults_{secrets.token_hex(4)}",
            SECRET_KEY=secrets.token_hex(32),
            JWT_SIGNING_KEY=secrets.token_hex(32),
            DATA_DIR=str(self.home),
            RATE_LIMITS="off",  # all clients have one address
        )

    async def start(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(engine.start) for engine in self.engines))
        await self.mail_server.start()
        self.mail.target = self.mail_server.port
        await self.mail.start()
        for worker in self.workers:
            worker.environment["EMAIL_URL"] = f"smtp://127.0.0.1:{self.mail.port}"
            await worker.connect(0 if self.external else self.mongodb.port, self.redis.port)
        first, *others = self.workers
        await first.start(prepare=True)
        for worker in others:
            await worker.start()

    @property
    def engines(self) -> list[Engine]:
        return [self.redis] if self.external else [self.mongodb, self.redis]

    async def enlist(self, count: int) -> list[Person]:
        """Returns so many users with an account; they are kept, and their tokens stay fresh."""
        while len(self.people) < count:
            some = range(len(self.people), min(count, len(self.people) + AT_ONCE))
            new = (register(self.workers[0].url, self.home / "mail", f"p{n}") for n in some)
            self.people += await asyncio.gather(*new)
        return self.people[:count]

    async def renew(self) -> None:
        """Gets new tokens for everybody: they last for a quarter of an hour."""
        for number, person in enumerate(self.people):
            await person.api.aclose()
            self.people[number] = await sign_in(person)

    async def mend(self) -> None:
        """Makes sure that everything runs and is connected, as if nothing had happened."""
        for engine in self.engines:
            engine.thaw()
            if not engine.runs:
                await asyncio.to_thread(engine.start)
        self.mail.reset(forgotten=True)
        await self.mail.heal()
        for worker in self.workers:
            await worker.mend()
        for worker in self.workers:
            await worker.ready()

    async def stop(self) -> None:
        for person in self.people:
            await person.api.aclose()
        await asyncio.gather(*(worker.stop() for worker in self.workers))
        await self.mail.stop()
        self.mail_server.stop()
        await asyncio.gather(*(asyncio.to_thread(engine.stop) for engine in self.engines))
        ours = [worker.pid for worker in self.workers if worker.child]
        assert await asyncio.to_thread(eventually, lambda: not any(map(runs, ours)), 10)
