"""The network between clients and the server; clients that are slow, or do not read at all."""

import asyncio
import json
import socket
import time
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.faults.registry import case
from tests.faults.run import Room, Run
from tests.faults.site import Worker
from tests.faults.targets import WEB_S, forgiven
from tests.system.clients import Client, until

# The server pings after 30 s of silence and waits 20 s for the pong (imsystem.embedded.web.PING_S).
REAPED_WITHIN_S = 60.0
HANDSHAKE_WITHIN_S = 10.0
MIB = 1024 * 1024
# 20 kB a message: 9 MB in all, more than the kernel and the server keep for one socket.
LONG_TEXT = "\U0001f600" * 4_900
AT_ONCE = 8
ROUNDS = 14
WARMING_UP = 6


@case(
    "F13",
    "packets between clients and a worker vanish, then RST",
    heals_within=WEB_S,
    long_only=True,
)
async def cut(run: Run) -> None:
    front = run.victim.front
    front.hold()
    await run.lasts(1.5, 5.0)
    front.reset()
    await front.heal()
    run.fault_over()


@case("F13b", "the network forgets the connections of clients", heals_within=WEB_S)
async def forgotten(run: Run) -> None:
    """Clients notice by the silence; so does the server, after a while."""
    run.victim.front.forget()
    run.fault_over()
    if run.scale.patient:
        await run.heal(forgiven(WEB_S))
        await _reaped(run)
        run.fault_over()


async def _reaped(run: Run) -> None:
    """Within a minute the server has as many sockets as there are clients."""
    worker = run.victim

    def only_the_living() -> bool:
        return established(worker) <= worker.front.connections

    took = await until(only_the_living, REAPED_WITHIN_S)
    run.note(f"the server hung up on the dead within {took:.0f} s")


def established(worker: Worker) -> int:
    """Returns how many connections the worker's port has."""
    ends = f":{worker.port:04X}"
    lines = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    fields = (line.split() for line in lines)
    return sum(field[1].endswith(ends) and field[3] == "01" for field in fields)


@case("F14", "half open: what the server sends vanishes", heals_within=WEB_S)
async def half_open(run: Run) -> None:
    """Messages are stored and their acks lost: the same messages are sent again."""
    front = run.victim.front
    front.hold(up=False)
    await run.lasts(1.0, 8.0)
    front.forget()
    await front.heal()
    run.fault_over()


@case("F14b", "half open: what clients send vanishes", heals_within=WEB_S, long_only=True)
async def half_open_upwards(run: Run) -> None:
    front = run.victim.front
    front.hold(down=False)
    await run.lasts(1.0, 8.0)
    front.forget()
    await front.heal()
    run.fault_over()


@case("F15", "latency of 500 ms, 5 % of packets late", heals_within=WEB_S)
async def bad_network(run: Run) -> None:
    for worker in run.site.workers:
        for way in (worker.front.up, worker.front.down):
            way.delay, way.jitter, way.loss = 0.25, 0.05, 0.05
    await run.lasts(2.0, 20.0)
    for worker in run.site.workers:
        await worker.front.heal()
    run.fault_over()


@case("F15b", "a line of 2,000 bytes a second", heals_within=WEB_S, long_only=True)
async def thin_line(run: Run) -> None:
    run.victim.front.down.rate = run.victim.front.up.rate = 2_000
    await run.lasts(2.0, 20.0)
    await run.victim.front.heal()
    run.fault_over()


@case("F15c", "a handshake, byte by byte", heals_within=WEB_S, long_only=True, alone=True)
async def slow_handshake(run: Run) -> None:
    """A client that does not finish its handshake is not waited for."""
    reader, writer = await asyncio.open_connection("127.0.0.1", run.victim.port)
    started = time.monotonic()
    request = b"GET /ws/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Padding: " + b"x" * 1_000

    async def drip() -> None:
        for byte in request:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.2)

    dripping = asyncio.create_task(drip())
    try:
        async with asyncio.timeout(forgiven(HANDSHAKE_WITHIN_S)):
            await reader.read()  # until the server hangs up
    except ConnectionResetError:
        pass
    finally:
        dripping.cancel()
        writer.close()
    took = time.monotonic() - started
    run.note(f"closed after {took:.1f} s")
    assert took < forgiven(HANDSHAKE_WITHIN_S)


# --- who does not read -----------------------------------------------------------------------


@case("F16", "a client that never reads, in a busy room", heals_within=WEB_S, alone=True)
async def never_reads(run: Run) -> None:
    """The deaf client is cut, the worker does not grow, and the others notice nothing."""
    await run.open()
    room = run.rooms[0]
    writers = run.clients_of(room)
    for _ in run.times(WARMING_UP, ROUNDS):  # a busy room takes memory even without the deaf client
        await _busy(room, writers)
    deaf = await _deaf_socket(run.victim.port, room.members[0].token)
    before = _memory(run.victim.pid)
    peak = 0
    for _ in range(ROUNDS):
        await _busy(room, writers)
        peak = max(peak, _memory(run.victim.pid) - before)
    code = await _read_to_the_end(deaf)
    slowest = max(seconds for client in writers for _code, seconds in client.answers)
    run.note(f"closed with {code}; the worker grew by {peak / MIB:.1f} MiB")
    run.note(f"slowest ack of the others {slowest:.2f} s")
    assert code in (4413, 1006)
    assert peak < 8 * MIB
    assert not any(client.closed_on_us for client in writers)
    run.fault_over()


async def _busy(room: Room, writers: list[Client]) -> None:
    sends = (c.send(room.identity, LONG_TEXT) for c in writers for _ in range(AT_ONCE))
    await asyncio.gather(*sends)


async def _deaf_socket(port: int, token: str) -> ClientConnection:
    """A socket from which nothing is read after `ready`, with small buffers of its own."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    raw.connect(("127.0.0.1", port))
    headers = {"Authorization": f"Bearer {token}"}
    deaf = await connect(
        f"ws://127.0.0.1:{port}/ws/",
        sock=raw,
        additional_headers=headers,
        subprotocols=["im.v1"],  # type: ignore[list-item]
        compression=None,
        ping_interval=None,
        max_queue=1,
        max_size=None,
    )
    assert json.loads(await deaf.recv())["type"] == "ready"
    deaf.transport.pause_reading()
    return deaf


async def _read_to_the_end(deaf: ClientConnection) -> int:
    deaf.transport.resume_reading()
    try:
        async with asyncio.timeout(forgiven(10)):
            while True:
                await deaf.recv()
    except ConnectionClosed:
        return deaf.close_code or 0


def _memory(pid: int) -> int:
    """Returns resident memory in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4_096
