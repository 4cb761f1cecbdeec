"""Crowds, bursts, kicks, many devices, wrong clocks."""

import asyncio
import secrets
import time

from tests.faults.load import words
from tests.faults.recorder import Json
from tests.faults.registry import case
from tests.faults.run import Room, Run
from tests.faults.site import Worker
from tests.faults.targets import KICK_TAKES_EFFECT_S, WEB_S, forgiven
from tests.system.clients import Client, Patience, until
from tests.system.people import Person, http, sign_in

HERD, SMALL_HERD = 2_000, 200
BACK_WITHIN_S = 10.0
# They do not send pings: 2,000 clients that do would be a load of its own.
HERDED = Patience(connect=30.0, answer=60.0)


# --- clocks ----------------------------------------------------------------------------------


def _clock_wrong_by(seconds: int) -> "WrongClock":
    return WrongClock(seconds)


class WrongClock:
    """Runs before the first client connects: the victim's clock is wrong by so many seconds."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    async def __call__(self, run: Run) -> None:
        shift = str(self.seconds)
        await run.victim.restart(program="tests.faults.shifted_clock", CLOCK_SHIFT=shift)


@case(
    "F18",
    "a worker's clock is 90 s ahead",
    heals_within=WEB_S,
    long_only=True,
    prepare=_clock_wrong_by(90),
)
async def clock_ahead(run: Run) -> None:
    await run.lasts(1.0, 10.0)
    await _sign_in_and_go_everywhere(run)
    run.fault_over()


@case("F18b", "a worker's clock is 90 s behind", heals_within=WEB_S, prepare=_clock_wrong_by(-90))
async def clock_behind(run: Run) -> None:
    await run.lasts(1.0, 10.0)
    await _sign_in_and_go_everywhere(run)
    run.fault_over()


async def _sign_in_and_go_everywhere(run: Run) -> None:
    """A token that one worker has just made is valid at the others."""
    fresh = await sign_in(run.people[0])
    for number, worker in enumerate(run.site.workers):
        async with http(worker.url, fresh.token) as api:
            assert (await api.get("users/me/")).status_code == 200, worker.name
        await run.connect(f"fresh{number}", run.people[0], number, token=fresh.token)
    await fresh.api.aclose()


@case("F19", "a client's clock is wrong by a day", heals_within=WEB_S, alone=True)
async def client_clock(run: Run) -> None:
    """Whatever times a client sends, the server uses its own."""
    await run.open()
    room, client = run.rooms[0], next(iter(run.clients.values()))
    tomorrow = int(time.time() * 1000) + 86_400_000
    fields = {"room_identity": room.identity, "client_id": secrets.token_hex(4), "data": "x"}
    log = run.recorder.device("wrong clock")
    log.attempt(room.identity, fields["client_id"], "x")
    times = {"created_at": tomorrow, "updated_at": tomorrow}
    answer = await client.ask("message.send", **fields, **times)
    assert answer["type"] == "ack", answer
    log.acked(answer["message"], answer["duplicate"])
    assert answer["message"]["created_at"] < tomorrow - 80_000_000
    run.fault_over()


# --- crowds ----------------------------------------------------------------------------------


@case(
    "F24",
    "2,000 clients come back in the same second",
    heals_within=WEB_S,
    alone=True,
)
async def herd(run: Run) -> None:
    """A few messages are sent meanwhile, and each device gets them."""
    people = await run.site.enlist(run.scale.people)
    run.people = people
    room = await run.open_room(people)
    crowd = await _crowd(run)
    speaker = await run.connect("speaker", people[0])
    talking = asyncio.create_task(_say_something(run, speaker, room))
    started = time.monotonic()
    for client in crowd:
        client.hang_up()
    run.fault_over()
    await asyncio.sleep(0.1)  # they notice
    await until(lambda: all(client.connected for client in crowd), 6 * BACK_WITHIN_S)
    took = time.monotonic() - started
    run.note(f"all {len(crowd)} back after {took:.1f} s")
    talking.cancel()
    assert took < forgiven(BACK_WITHIN_S)


async def _crowd(run: Run) -> list[Client]:
    """Connects devices of the existing users, 50 at a time, half on each worker, without a proxy
    between."""
    size = HERD if run.scale.patient else SMALL_HERD
    devices = [f"crowd{number}" for number in range(size)]
    for start in range(0, size, 50):
        numbers = range(start, start + 50)
        await asyncio.gather(
            *(
                run.connect(
                    devices[n], run.people[n % len(run.people)], n, patience=HERDED, direct=True
                )
                for n in numbers
            )
        )
    return [run.clients[device] for device in devices]


async def _say_something(run: Run, speaker: Client, room: Room) -> None:
    while True:
        await speaker.send(room.identity, words(run.rng))
        await asyncio.sleep(1)


@case("F25", "1,000 messages in one go", heals_within=WEB_S, alone=True)
async def burst(run: Run) -> None:
    """One sender does not wait for acks; twenty sockets get everything, in order."""
    await run.open()
    room = run.rooms[0]
    for number in range(20 - len(run.clients_of(room))):
        await run.connect(f"more{number}", room.members[number % len(room.members)], number)
    sender = run.clients_of(room)[0]
    count = 1_000 if run.scale.patient else 300
    started = time.monotonic()
    sends = [sender.send(room.identity, words(run.rng)) for _ in range(count)]
    await asyncio.gather(*sends)
    run.note(f"{count} acked in {time.monotonic() - started:.2f} s")
    await until(lambda: all(_live(c, room) >= count for c in run.clients_of(room)), forgiven(10))
    for client in run.clients_of(room):
        created = client.created(room.identity)
        assert created == sorted(set(created))
    run.fault_over()


def _live(client: Client, room: Room) -> int:
    """Returns how many messages arrived by themselves, without asking."""
    return len(client.created(room.identity))


# --- kicks -----------------------------------------------------------------------------------


@case("F26", "a member is kicked while sending", heals_within=WEB_S, alone=True)
async def kicked_while_sending(run: Run) -> None:
    """Once the kick has been answered, nothing comes from them or reaches them."""
    owner, kicked, watcher = await run.site.enlist(3)
    run.people = [owner, watcher]
    for number, person in enumerate((owner, watcher)):
        await run.connect(f"device{number}", person, number)
    theirs = [await run.connect(f"kicked{n}", kicked, n) for n in (0, 1)]
    late = 0
    for number in run.times(5, 40):
        room = await run.open_room([owner, kicked, watcher])
        run.rooms[-1] = Room(room.identity, [owner, watcher])
        late += await _kick(run, room, theirs, run.site.workers[number % 2])
    run.note(f"{late} messages were stored after the answer to the kick")
    assert late == 0
    run.fault_over()


async def _kick(run: Run, room: Room, theirs: list[Client], worker: Worker) -> int:
    """Returns how many of their messages have a number above that of a message after the kick."""
    owner, kicked, _watcher = room.members
    await until(lambda: all(_is_in(client, room) for client in theirs))
    talking = [asyncio.create_task(_talk(run, client, room)) for client in theirs for _ in range(3)]
    await asyncio.sleep(run.rng.uniform(0.05, 0.3))
    async with http(worker.url, owner.token) as api:
        path = f"rooms/{room.identity}/members/{kicked.identity}/"
        assert (await api.delete(path)).is_success
    owners = next(client for device, client in run.clients.items() if run.of[device] is owner)
    after = await owners.send(room.identity, words(run.rng))
    async with asyncio.timeout(forgiven(KICK_TAKES_EFFECT_S)):
        await asyncio.gather(*talking)
    acked = (message for client in theirs for message in client.acked.values())
    for client in theirs:
        await until(lambda: bool(_removal(client, room)), forgiven(KICK_TAKES_EFFECT_S))  # noqa: B023
        assert not _created_after_removal(client, room)
    return sum(m["room_identity"] == room.identity and m["seq"] > after["seq"] for m in acked)


async def _talk(run: Run, client: Client, room: Room) -> None:
    """Sends messages until told that there is no such room."""
    while True:
        answer = await client.try_to_send(room.identity, words(run.rng), secrets.token_hex(8))
        if answer.get("code") == "not_found":
            return
        assert answer["type"] == "ack", answer


def _is_in(client: Client, room: Room) -> bool:
    return any(f["room"]["identity"] == room.identity for f in client.heard("room.added"))


def _removal(client: Client, room: Room) -> int:
    """Returns where in the frames the client is told that it is out; 0 when it is not."""
    for number, frame in enumerate(client.frames):
        if frame["type"] == "room.removed" and frame["room_identity"] == room.identity:
            return number
    return 0


def _created_after_removal(client: Client, room: Room) -> list[Json]:
    later = client.frames[_removal(client, room) :]
    return [
        f for f in later if f["type"] == "message.created" and f["room_identity"] == room.identity
    ]


# --- many devices ----------------------------------------------------------------------------


@case("F27", "five devices of one person come and go", heals_within=WEB_S, alone=True)
async def five_devices(run: Run) -> None:
    """In the end all show the same, and agree on what was read."""
    await run.open()
    room = run.rooms[0]
    person = room.members[0]
    devices = [await run.connect(f"own{number}", person, number) for number in range(5)]
    async with run.talking() as load:
        for _ in run.times(12, 100):
            device = run.rng.choice(devices)
            await _read_somewhere(run, device, room)
            device.hang_up()
            await asyncio.sleep(run.rng.uniform(0.02, 0.2))
        run.fault_over()
        await run.heal(forgiven(WEB_S))
        await load.finish()
    await run.settle()
    await _agree_on_what_was_read(person, room, devices)


async def _read_somewhere(run: Run, device: Client, room: Room) -> None:
    seq = run.rng.randrange(1, max(2, device.rooms[room.identity].seq + 1))
    await device.ask("room.read", room_identity=room.identity, seq=seq)


async def _agree_on_what_was_read(person: Person, room: Room, devices: list[Client]) -> None:
    rooms = (await person.call("GET", "rooms/"))["results"]
    (stored,) = [each["read_seq"] for each in rooms if each["identity"] == room.identity]
    await until(lambda: {_read_seq(d, person, room) for d in devices} == {stored})


def _read_seq(device: Client, person: Person, room: Room) -> int:
    """Returns up to where this device believes its user has read."""
    told = [0]
    for frame in device.frames:
        if frame["type"] == "ready":
            told += [r["read_seq"] for r in frame["rooms"] if r["identity"] == room.identity]
        elif frame["type"] == "room.read" and frame["room_identity"] == room.identity:
            told += [frame["seq"]] if frame["user_identity"] == person.identity else []
    return max(told)
