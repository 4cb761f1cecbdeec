"""Sockets by the thousand: memory and CPU of idle ones, sign-ins a second, reconnects at once."""

import asyncio
import random
import time
from collections.abc import Sequence

import msgspec
import uvloop
from picows import WSTransport

from bench import SkippedError, cast
from bench.clients import Client, Tally, open_socket
from bench.figures import OVERLOADED
from bench.loads import Outcome, leave
from bench.peers.base import Seat
from bench.processes import Meter, memory_bytes, raise_file_limit
from bench.system import ImClient, System, keep_alive
from bench.workloads import CONNECTS_AT_ONCE, IDLE_S, MISSED_MESSAGES

SETTLE_S = 2.0
SYNCED_WITHIN_S = 60.0
TRY_AGAIN_S = (0.5, 2.0)
# Sockets that are opened and closed first: caches, threads and imports are not an idle socket's.
WARM_UP_SOCKETS = 200
# Files that the load generator and a server have open besides the sockets.
OTHER_FILES = 300


def _seats(people: Sequence[cast.Person]) -> list[Seat]:
    return [Seat(person.identity, "", person.token) for person in people]


async def _connect(system: System, seats: Sequence[Seat], tally: Tally, at_once: int) -> None:
    tally.clients = [system.client(seat, index, tally) for index, seat in enumerate(seats)]
    limit = asyncio.Semaphore(at_once)

    async def connect(client: Client, seat: Seat) -> None:
        async with limit:
            await system.connect(client, seat)

    await asyncio.gather(*map(connect, tally.clients, seats))


async def _warm_up(system: System, seats: Sequence[Seat]) -> None:
    tally = Tally()
    await _connect(system, seats[:WARM_UP_SOCKETS], tally, CONNECTS_AT_ONCE)
    await leave(tally)


def idle(system: System, count: int) -> Outcome:
    """`count` sockets that only keep their heartbeat: memory of each, and CPU of the server.

    Raises SkippedError when the system does not allow so many open files.
    """
    files = raise_file_limit()
    if files < count + OTHER_FILES:
        raise SkippedError(f"needs {count + OTHER_FILES} open files; `ulimit -Hn` is {files}")
    people, _rooms = cast.make_crowd(count)
    return uvloop.run(_idle(system, _seats(people)))


async def _idle(system: System, seats: list[Seat]) -> Outcome:
    tally, web = Tally(), system.parts()["web"]
    await _warm_up(system, seats)
    await asyncio.sleep(SETTLE_S)
    before = memory_bytes(web)
    await _connect(system, seats, tally, CONNECTS_AT_ONCE)
    beating = asyncio.create_task(keep_alive(tally.clients))
    await asyncio.sleep(SETTLE_S)
    after = memory_bytes(web)
    meter = Meter(system.parts())
    await asyncio.sleep(IDLE_S)
    cpu = meter.shares()
    beating.cancel()
    await leave(tally)
    everything = sum(share for part, share in cpu.items() if part != "load")
    figures = {
        "kib": (after - before) / 1024 / len(seats),
        "cpu": 100 * cpu["web"],
        "cpu_all": 100 * everything,
    }
    return Outcome(figures, dict(tally.faults), cpu)


def connects(system: System, count: int) -> Outcome:
    """Sign-ins of sockets a second, from the handshake to `ready`, CONNECTS_AT_ONCE at a time."""
    people, _rooms = cast.make_crowd(count)
    return uvloop.run(_connects(system, _seats(people)))


async def _connects(system: System, seats: list[Seat]) -> Outcome:
    tally = Tally()
    await _warm_up(system, seats)
    meter, started = Meter(system.parts()), time.perf_counter()
    await _connect(system, seats, tally, CONNECTS_AT_ONCE)
    rate = len(seats) / (time.perf_counter() - started)
    cpu = meter.shares()
    await leave(tally)
    return Outcome({"rate": rate}, dict(tally.faults), cpu)


class _Seq(msgspec.Struct):
    seq: int


class _Delta(msgspec.Struct):
    messages: list[_Seq]
    has_more: bool


class _Answer(msgspec.Struct):
    type: str
    id: str = ""
    rooms: msgspec.Raw = msgspec.Raw(b"{}")


_decode = msgspec.json.Decoder(_Answer).decode
_decode_deltas = msgspec.json.Decoder(dict[str, _Delta]).decode


class ReturningClient(ImClient):
    """Asks for what it missed as soon as it is `ready`, as every client does. `ended` is set when
    it has everything, or when it was refused: the socket closed, or an error instead of an ack."""

    def __init__(self, seat: Seat, index: int, tally: Tally, rooms: Sequence[str]) -> None:
        super().__init__(seat, index, tally)
        self.rooms = rooms
        self.ended = asyncio.Event()
        self.synced = False

    def on_text(self, payload: bytes) -> None:
        frame = _decode(payload)
        if frame.type == "ready":
            known = {room: {"seq": 0, "revision": 0} for room in self.rooms}
            self.write(msgspec.json.encode({"type": "sync", "id": "sync", "rooms": known}))
        elif frame.type == "ack" and frame.id == "sync":
            self._check(_decode_deltas(frame.rooms))
            self.synced = True
            self.ended.set()
        elif frame.type == "error":
            self.ended.set()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.ended.set()

    def _check(self, deltas: dict[str, _Delta]) -> None:
        wanted = list(range(1, MISSED_MESSAGES + 1))
        for room in self.rooms:
            delta = deltas.get(room)
            if delta is None or delta.has_more or [m.seq for m in delta.messages] != wanted:
                self.tally.fault("not synced")


class Storm:
    """Clients that come back at the same moment. A client that is refused tries again after a
    random moment, as docs/protocol.md asks of clients; `refused` counts it."""

    def __init__(self, system: System, seats: list[Seat], rooms: dict[str, list[str]]) -> None:
        self.system = system
        self.seats = seats
        self.rooms = rooms
        self.tally = Tally()
        self.refused = 0

    async def run(self) -> Outcome:
        """Seconds until the last has everything; OVERLOADED after SYNCED_WITHIN_S."""
        meter, started = Meter(self.system.parts()), time.perf_counter()
        try:
            async with asyncio.timeout(SYNCED_WITHIN_S):
                await asyncio.gather(*(self._come_back(*seat) for seat in enumerate(self.seats)))
            seconds = time.perf_counter() - started
        except TimeoutError:
            seconds = OVERLOADED
        cpu = meter.shares()
        await leave(self.tally)
        figures = {"seconds": seconds, "refused": float(self.refused)}
        return Outcome(figures, dict(self.tally.faults), cpu)

    async def _come_back(self, index: int, seat: Seat) -> None:
        while True:
            client = ReturningClient(seat, index, self.tally, self.rooms[seat.who])
            await open_socket(client, self.system.socket_url, self.system.headers(seat))
            self.tally.clients.append(client)
            await client.ended.wait()
            if client.synced:
                return
            self.refused += 1
            client.close()
            await asyncio.sleep(random.uniform(*TRY_AGAIN_S))


def reconnect(system: System, count: int) -> Outcome:
    """`count` clients connect at the same moment and fetch what they missed in all their rooms:
    seconds until the last has it. As after a restart, the server has none of it in memory."""
    people, rooms = cast.make_crowd(count)
    everywhere = sorted({room for mine in rooms.values() for room in mine})
    cast.fill(everywhere, people[0], MISSED_MESSAGES)
    return uvloop.run(Storm(system, _seats(people), rooms).run())
