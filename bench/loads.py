"""Load over sockets: flood and steady load in rooms and pairs, and the account of every message.

The same for every peer: a peer only says how its clients connect, write and read.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import uvloop

from bench.clients import Client, Tally
from bench.figures import OVERLOADED, percentile
from bench.peers.base import Peer, Seat
from bench.processes import Meter
from bench.workloads import OFFERED, SENDERS, WARM_UP_S, WINDOW

# Handshakes at once while a cast connects, and sockets closed at once when it leaves.
CONNECTING = 50
# After this time the sender no longer waits for a message that has not completed. A slow server may
# take seconds for everything that is on its way in a large room.
STALLED_S = 10.0
# After the last message: how long without any delivery until missing ones count as lost.
QUIET_S = 10.0
TICK_S = 0.001
# Of an offered load, the part that may still be on its way when the offering ends.
BACKLOG = 0.2


@dataclass
class Outcome:
    """The result of one measurement: {row: value}, faults {what: how often}, CPU {part: share}."""

    figures: dict[str, float] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)


async def take_seats(peer: Peer, seats: Sequence[Seat], tally: Tally) -> None:
    """Connects everybody, CONNECTING at a time; the tally has them in the order of the seats."""
    tally.clients = [peer.client(seat, index, tally) for index, seat in enumerate(seats)]
    limit = asyncio.Semaphore(CONNECTING)

    async def connect(client: Client, seat: Seat) -> None:
        async with limit:
            await peer.connect(client, seat)

    # The first connects alone: in some systems the first to enter a room creates it.
    await connect(tally.clients[0], seats[0])
    await asyncio.gather(*map(connect, tally.clients[1:], seats[1:]))


async def leave(tally: Tally) -> None:
    """Closes all sockets and waits until they are closed: the next measurement starts clean."""
    for start in range(0, len(tally.clients), CONNECTING):
        leaving = tally.clients[start : start + CONNECTING]
        for client in leaving:
            client.close()
        await asyncio.gather(*(client.transport.wait_disconnected() for client in leaving))


async def flood(senders: Iterable[Client], seconds: float, window: int) -> None:
    """Each sender keeps `window` messages on their way."""
    senders = list(senders)
    until = time.perf_counter() + seconds

    async def keep_sending(client: Client) -> None:
        while time.perf_counter() < until:
            while len(client.missing) >= window:
                client.landed.clear()
                await client.landed.wait()
            client.send(time.perf_counter())

    watch = asyncio.create_task(_give_up_stalled(senders))
    try:
        await asyncio.gather(*map(keep_sending, senders))
    finally:
        watch.cancel()


async def _give_up_stalled(senders: Sequence[Client]) -> None:
    """Lets senders continue whose message was lost. The sums at the end show that it was."""
    while True:
        await asyncio.sleep(1.0)
        oldest = time.perf_counter() - STALLED_S
        for client in senders:
            for number in [n for n in client.missing if client.due[n] < oldest]:
                del client.missing[number]
                client.landed.set()


async def steady(senders: Sequence[Client], rate: float, seconds: float) -> None:
    """Sends `rate` messages a second, in turn, whatever comes back. A message is due at its time on
    the clock, even when the generator is late: nobody's waiting is left out."""
    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = started + number / rate
        while time.perf_counter() < due:
            await asyncio.sleep(TICK_S)
        senders[number % len(senders)].send(due)


async def drain(tally: Tally, wanted: int) -> float:
    """Waits until all messages are delivered `wanted` times and completed, or nothing has come for
    QUIET_S. Returns when the last came (time.perf_counter)."""
    seen, last = (-1, -1), time.perf_counter()
    while True:
        now = time.perf_counter()
        found = (tally.deliveries, sum(len(client.missing) for client in tally.clients))
        if found != seen:
            seen, last = found, now
        if found == (tally.sent * wanted, 0) or now - last > QUIET_S:
            return last
        await asyncio.sleep(0.005)


def check(tally: Tally, wanted: int) -> None:
    """Counts what is missing. Called when everything has been drained."""
    missing = tally.sent * wanted - tally.deliveries
    if missing:
        tally.faults["deliveries lost" if missing > 0 else "deliveries too many"] += abs(missing)
    if tally.clients[0].confirms and tally.confirmations != tally.sent:
        tally.faults["not acknowledged"] += tally.sent - tally.confirmations


def room(peer: Peer, size: int, seconds: float, half_seconds: float) -> Outcome:
    """SENDERS members flood, everybody receives: deliveries a second. Then half of that load: how
    long until a member has the message, 99 of 100 times."""
    return uvloop.run(_room(peer, peer.room(size), seconds, half_seconds))


async def _room(peer: Peer, seats: list[Seat], seconds: float, half_seconds: float) -> Outcome:
    size, tally, outcome = len(seats), Tally(), Outcome()
    await take_seats(peer, seats, tally)
    senders = tally.clients[:SENDERS]
    await flood(senders, WARM_UP_S, WINDOW)
    await _settle(tally, size)
    meter, started = Meter(peer.parts()), time.perf_counter()
    await flood(senders, seconds, WINDOW)
    ended = await drain(tally, size)
    outcome.cpu = meter.shares()
    check(tally, size)
    peak = tally.deliveries / (ended - started)
    outcome.figures = {"deliveries": peak, "messages": tally.sent / (ended - started)}
    if half_seconds:
        tally.reset()
        tally.timed = True
        await steady(senders, peak / size / 2, half_seconds)
        outcome.figures["half_p99"] = 1000 * await _times(tally, size, lambda: tally.delivery_s, 99)
    await leave(tally)
    outcome.faults = dict(tally.faults)
    return outcome


def pairs(peer: Peer, count: int, seconds: float, steady_seconds: float) -> Outcome:
    """In each pair one sends, with one message on its way: messages a second. Then a fixed load:
    how long until the sender knows."""
    return uvloop.run(_pairs(peer, peer.pairs(count), seconds, steady_seconds))


async def _pairs(peer: Peer, seats: list[Seat], seconds: float, steady_seconds: float) -> Outcome:
    tally, outcome = Tally(pairs=True), Outcome()
    await take_seats(peer, seats, tally)
    senders, wanted = tally.clients[::2], 2 if tally.clients[0].echoes_pairs else 1
    await flood(senders, WARM_UP_S, 1)
    await _settle(tally, wanted)
    meter, started = Meter(peer.parts()), time.perf_counter()
    await flood(senders, seconds, 1)
    ended = await drain(tally, wanted)
    outcome.cpu = meter.shares()
    check(tally, wanted)
    outcome.figures["messages"] = tally.sent / (ended - started)
    outcome.figures |= _ack_times(tally, "ack")
    if steady_seconds:
        tally.reset()
        await steady(senders, OFFERED, steady_seconds)
        p99 = await _times(tally, wanted, lambda: tally.confirm_s, 99)
        times = _ack_times(tally, "steady")
        outcome.figures |= times if p99 < OVERLOADED else dict.fromkeys(times, OVERLOADED)
    await leave(tally)
    outcome.faults = dict(tally.faults)
    return outcome


def _ack_times(tally: Tally, name: str) -> dict[str, float]:
    """p50 and p99 in milliseconds."""
    times = tally.confirm_s or [OVERLOADED]
    return {f"{name}_p{percent}": 1000 * percentile(times, percent) for percent in (50, 99)}


async def _settle(tally: Tally, wanted: int) -> None:
    """Ends the warm-up. What went wrong in it is a fault like any other."""
    await drain(tally, wanted)
    check(tally, wanted)
    tally.reset()


async def _times(
    tally: Tally, wanted: int, times: Callable[[], list[float]], percent: float
) -> float:
    """Returns a percentile of the times of a steady load that was just offered; OVERLOADED when too
    much of it had not been carried by its end. Waits for the rest all the same."""
    backlog = tally.sent - tally.deliveries / wanted
    overloaded = backlog > BACKLOG * tally.sent
    await drain(tally, wanted)
    check(tally, wanted)
    return OVERLOADED if overloaded or not times() else percentile(times(), percent)
