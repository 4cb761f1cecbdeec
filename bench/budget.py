"""Does somebody who asks for too much make others wait? `python -m bench --budget` measures it.

It starts a system of its own, with its limits on. One user sends messages from one address;
meanwhile another process attacks from another address, in one way after another. The time of the
user's acks during each attack is compared with the time before it; more than twice is a failure.
The attacker's process takes a core for itself: on two cores the server and its databases share the
other one.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect

from bench import cast
from bench.figures import percentile
from bench.processes import ROOT, environment, python, raise_file_limit
from bench.system import running_system

MOST = 2.0
EACH_S = 0.02
BEFORE_S = 10.0
DURING_S = 12.0
WARM_UP_S = 3.0
# A burst is allowed to everybody; by then it is over, and the measurement shows what continues.
BURST_S = 3.0
ROOMS = 1_000
ATTACKS = ("uploads", "downloads", "connections", "sync", "typing", "schema", "rooms")


@dataclass(frozen=True)
class Times:
    """Of acks, in milliseconds."""

    p50: float
    p99: float


@contextmanager
def attacked(name: str, url: str, attacker: cast.Person, room: str) -> Iterator[None]:
    """Runs the attack in a process of its own until the end of the block."""
    about = json.dumps({"name": name, "url": url, "token": attacker.token, "room": room})
    with subprocess.Popen(
        python("-m", "bench.attacks"), cwd=ROOT, env=environment(), stdin=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        process.stdin.write(about)
        process.stdin.close()
        try:
            yield
        finally:
            ended = process.poll()
            process.kill()
    if ended is not None:
        raise SystemExit(f"the attack {name} ended by itself, code {ended}")


async def _acks(socket: ClientConnection, room: str, seconds: float) -> Times:
    """Sends a message every EACH_S, each when the last is acknowledged."""
    took: list[float] = []
    until = time.perf_counter() + seconds
    while (started := time.perf_counter()) < until:
        name = f"{time.monotonic_ns()}"
        message = {"type": "message.send", "room_identity": room, "data": "How are you?"}
        await socket.send(json.dumps(message | {"id": name, "client_id": name}))
        while json.loads(await socket.recv()).get("id") != name:
            continue
        took.append(1000 * (time.perf_counter() - started))
        await asyncio.sleep(max(0.0, started + EACH_S - time.perf_counter()))
    return Times(percentile(took, 50), percentile(took, 99))


async def _measure(url: str, names: tuple[str, ...]) -> list[tuple[str, Times, Times]]:
    user, peer, attacker, *crowd = await asyncio.to_thread(cast.make_people, 13)
    (room,) = await asyncio.to_thread(cast.make_direct, [(user, peer)])
    rooms = await asyncio.to_thread(cast.make_groups, [[attacker, *crowd]] + [[attacker]] * ROOMS)
    found = []
    address = url.replace("http", "ws", 1) + "/ws/"
    headers = {"Authorization": f"Bearer {user.token}"}
    async with connect(address, additional_headers=headers, compression=None) as socket:
        await _acks(socket, room, WARM_UP_S)
        for name in names:
            before = await _acks(socket, room, BEFORE_S)
            with attacked(name, url, attacker, rooms[0]):
                await _acks(socket, room, BURST_S)
                found.append((name, before, await _acks(socket, room, DURING_S)))
            await asyncio.sleep(WARM_UP_S)
    return found


def budget(names: tuple[str, ...] = ATTACKS) -> int:
    """Measures and prints. Returns 1 when an attack makes others wait more than twice as long."""
    raise_file_limit()
    table = Table("attack", "p50 before", "p50 during", "p99 before", "p99 during", "p99 ratio")
    with running_system(workers=1, RATE_LIMITS="on") as url:
        import django

        django.setup()
        found = asyncio.run(_measure(url, names))
    for name, before, during in found:
        figures = (before.p50, during.p50, before.p99, during.p99)
        ratio = during.p99 / before.p99
        table.add_row(name, *(f"{figure:.1f} ms" for figure in figures), f"{ratio:.2f}")
    Console(width=100).print(table)
    return int(any(during.p99 > MOST * before.p99 for _name, before, during in found))


if __name__ == "__main__":
    sys.exit(budget())
