"""The API: pages of history, the list of rooms, messages sent over REST."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable

import msgspec
import uvloop

from bench import cast
from bench.figures import median
from bench.http import Connection
from bench.loads import Outcome
from bench.processes import Meter
from bench.system import System
from bench.workloads import HISTORY_PAGE, HISTORY_REQUESTS, LIST_REQUESTS, TEXT

WARM_UP_REQUESTS = 20
SMALL_HISTORY = 1_000


class _Message(msgspec.Struct):
    seq: int


class _Page(msgspec.Struct):
    messages: list[_Message]
    last_seq: int


class _Room(msgspec.Struct):
    last_seq: int


_page = msgspec.json.Decoder(_Page).decode


async def _timed(connection: Connection, path: str) -> tuple[float, bytes]:
    """Milliseconds from the request to the last byte of the answer, and the answer."""
    started = time.perf_counter()
    body = await connection.get(path)
    return 1000 * (time.perf_counter() - started), body


def history(system: System, count: int) -> Outcome:
    """Pages at random depths of a room of 1,000 messages and of one of `count`, in turn."""
    people = cast.make_people(2)
    small, large = cast.make_groups([people, people])
    cast.fill([small], people[0], SMALL_HISTORY)
    cast.fill([large], people[0], count)
    sizes = {small: SMALL_HISTORY, large: count}
    times, faults = uvloop.run(_history(system, cast.renewed(people[0]), sizes))
    p50 = {room: median(times[room][WARM_UP_REQUESTS:]) for room in sizes}
    figures = {"small": p50[small], "large": p50[large], "growth": p50[large] / p50[small]}
    return Outcome(figures, dict(faults))


async def _history(
    system: System, reader: cast.Person, sizes: dict[str, int]
) -> tuple[dict[str, list[float]], Counter[str]]:
    times: dict[str, list[float]] = {room: [] for room in sizes}
    faults: Counter[str] = Counter()
    depths = random.Random(1)
    connection = Connection(system.url, reader.token)
    await connection.open()
    for _request in range(WARM_UP_REQUESTS + HISTORY_REQUESTS):
        for room, size in sizes.items():
            before = depths.randrange(HISTORY_PAGE + 1, size + 2)
            path = f"/api/v1/rooms/{room}/messages/?limit={HISTORY_PAGE}&before={before}"
            taken, body = await _timed(connection, path)
            times[room].append(taken)
            if [m.seq for m in _page(body).messages] != [*range(before - HISTORY_PAGE, before)]:
                faults["wrong page"] += 1
    connection.close()
    faults["503"] += connection.unavailable
    return times, +faults


def room_list(system: System, count: int) -> Outcome:
    """Measures the list of a user in `count` rooms, half of them direct, each with a newest
    message."""
    reader, *others = cast.make_people(1 + count // 2)
    groups = cast.make_groups([[reader, *others[:2]] for _ in range(count - len(others))])
    direct = cast.make_direct((reader, other) for other in others)
    cast.fill([*groups, *direct], reader, 1)
    return uvloop.run(_room_list(system, reader, count))


async def _room_list(system: System, reader: cast.Person, count: int) -> Outcome:
    connection = Connection(system.url, reader.token)
    await connection.open()
    answers = [await _timed(connection, "/api/v1/rooms/") for _ in range(1 + LIST_REQUESTS)]
    connection.close()
    wrong = sum(_rooms_with_messages(body) != count for _taken, body in answers)
    faults = +Counter({"wrong list": wrong, "503": connection.unavailable})
    times = [taken for taken, _body in answers]
    return Outcome({"p50": median(times[1:]), "first": times[0]}, dict(faults))


def _rooms_with_messages(body: bytes) -> int:
    """How many rooms a list has; it may be a JSON array or have the array under `results`."""
    found = msgspec.json.decode(body)
    rooms = found if isinstance(found, list) else next(v for v in found.values() if v)
    return sum(room["last_seq"] == 1 for room in rooms)


def rest_sends(system: System, connections: int, seconds: float) -> Outcome:
    """Messages a second over REST, one at a time on each of `connections`."""
    people = cast.make_people(2 * connections)
    rooms = cast.make_direct(zip(people[::2], people[1::2], strict=True))
    return uvloop.run(_rest_sends(system, zip(people[::2], rooms, strict=True), seconds))


async def _rest_sends(
    system: System, places: Iterable[tuple[cast.Person, str]], seconds: float
) -> Outcome:
    faults: Counter[str] = Counter()
    meter, started = Meter(system.parts()), time.perf_counter()

    async def keep_sending(person: cast.Person, room: str) -> int:
        connection = Connection(system.url, person.token)
        await connection.open()
        path, sent = f"/api/v1/rooms/{room}/messages/", 0
        while time.perf_counter() < started + seconds:
            await connection.post(path, {"client_id": f"rest.{sent}", "data": f"{sent} {TEXT}"})
            sent += 1
        if _page(await connection.get(path)).last_seq != sent:
            faults["not stored"] += 1
        connection.close()
        faults["503"] += connection.unavailable
        return sent

    sent = sum(await asyncio.gather(*(keep_sending(*place) for place in places)))
    rate = sent / (time.perf_counter() - started)
    return Outcome({"rate": rate}, dict(+faults), meter.shares())
