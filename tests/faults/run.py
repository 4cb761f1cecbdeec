"""One fault case with one seed: rooms and clients of its own, load, the fault, healing, judgement.

async def case(run: Run) -> None:     # rooms are open, everybody talks
    await run.site.redis.kill() ...   # the fault
    run.fault_over()                  # from here on the time to heal counts
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from tests.faults.load import Load, Talker, words
from tests.faults.recorder import Counts, Json, Recorder
from tests.faults.site import Site, Worker
from tests.faults.targets import forgiven
from tests.system.clients import Client, Patience, until
from tests.system.people import Person

# A number that nobody knows to be unused is a gap after 3 s (chat.gaps.SETTLE_MS).
SETTLED_WITHIN_S = forgiven(10.0)
CLIENT = Patience(connect=3.0, answer=20.0, pulse=1.0, silence=2.0)


@dataclass(frozen=True)
class Scale:
    """The amounts of a run. `seconds`: the load without a fault, before and after it, together;
    `patient`: the long form, in which faults last as long as the contract names."""

    people: int = 6
    rooms: int = 3
    members: int = 4
    rate: float = 40.0
    seconds: float = 0.6
    patient: bool = False


@dataclass(frozen=True)
class Room:
    identity: str
    members: Sequence[Person]  # the first one is its owner


class Run:
    """The tools of a case."""

    def __init__(self, site: Site, seed: int, scale: Scale) -> None:
        self.site = site
        self.seed = seed
        self.scale = scale
        self.rng = random.Random(seed)
        self.victim = self.rng.choice(site.workers)
        self.breakable = site.workers  # those that a case may end
        self.heads_only = False  # devices ask for nothing by themselves
        self.recorder = Recorder()
        self.people: list[Person] = []
        self.rooms: list[Room] = []
        self.clients: dict[str, Client] = {}  # device -> client
        self.of: dict[str, Person] = {}  # device -> whose it is
        self.notes: list[str] = []
        self.heal_s: float | None = None
        self.load: Load | None = None
        self._over_at: float | None = None
        self._stack = AsyncExitStack()

    def note(self, text: str) -> None:
        """Records a measurement for the report."""
        self.notes.append(text)

    def fault_over(self) -> None:
        self._over_at = time.monotonic()

    async def lasts(self, short: float, long: float) -> None:
        """Returns the time of a fault in the short or the long form, a little longer or shorter."""
        await asyncio.sleep((long if self.scale.patient else short) * self.rng.uniform(0.8, 1.2))

    def times(self, short: int, long: int) -> range:
        return range(long if self.scale.patient else short)

    async def calm(self) -> None:
        """Runs load without a fault, half of the run's."""
        await asyncio.sleep(self.scale.seconds / 2 * self.rng.uniform(0.7, 1.3))

    # --- people, rooms, devices ------------------------------------------------------------

    async def open(self) -> None:
        """Creates rooms, and a device for everybody, in turn on each worker."""
        scale = self.scale
        self.people = await self.site.enlist(scale.people)
        for number in range(scale.rooms):
            start = number % len(self.people)
            circle = [*self.people[start:], *self.people[:start]]
            await self.open_room(circle[: scale.members])
        for number, person in enumerate(self.people):
            await self.connect(f"device{number}", person, number, heads_only=self.heads_only)

    async def open_room(self, members: Sequence[Person]) -> Room:
        owner, *others = members
        body = {"name": "Kitchen", "members": [person.identity for person in others]}
        created = await owner.call("POST", "rooms/", **body)
        room = Room(created["identity"], members)
        self.rooms.append(room)
        return room

    async def connect(
        self,
        device: str,
        person: Person,
        first: int = 0,
        *,
        token: str = "",
        patience: Patience = CLIENT,
        direct: bool = False,
        heads_only: bool = False,
    ) -> Client:
        """Returns a device that records. It connects to worker number `first`, and to the next when
        that one is away; `direct`: not through the proxies; `heads_only`: see Client."""
        start = first % len(self.site.workers)
        workers = [*self.site.workers[start:], *self.site.workers[:start]]
        urls = [worker.url if direct else worker.front_url for worker in workers]
        log = self.recorder.device(device)
        client = Client(
            urls, token or person.token, patience=patience, log=log, heads_only=heads_only
        )
        self.clients[device], self.of[device] = client, person
        return await self._stack.enter_async_context(client)

    def rooms_of(self, person: Person) -> list[str]:
        return [room.identity for room in self.rooms if person in room.members]

    def clients_of(self, room: Room) -> list[Client]:
        return [
            client for device, client in self.clients.items() if self.of[device] in room.members
        ]

    def clients_at(self, worker: Worker) -> list[Client]:
        """Returns the devices that are connected there now."""
        return [client for client in self.clients.values() if client.url == worker.front_url]

    @property
    def survivor(self) -> Worker:
        """Returns a worker that is not the victim."""
        return next(worker for worker in self.site.workers if worker is not self.victim)

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[Load]:
        talkers = [
            Talker(client, rooms)
            for device, client in self.clients.items()
            if (rooms := self.rooms_of(self.of[device]))
        ]
        async with Load(talkers, self.scale.rate, self.rng) as load:
            self.load = load
            yield load

    # --- after the fault -------------------------------------------------------------------

    async def heal(self, within: float) -> None:
        """Waits until every device of every room has a message that was sent after the fault.

        Sets `heal_s`. Raises AssertionError when it takes longer than `within`.
        """
        started = self._over_at or time.monotonic()
        try:
            async with asyncio.timeout(started + within - time.monotonic()):
                await asyncio.gather(*(self._probe(room) for room in self.rooms))
        except TimeoutError:
            raise AssertionError(f"not healed within {within} s: {self.state()}") from None
        self.heal_s = time.monotonic() - started

    async def _probe(self, room: Room) -> None:
        clients = self.clients_of(room)
        message = await clients[0].send(room.identity, words(self.rng))
        seq = message["seq"]
        await until(lambda: all(c.rooms[room.identity].seq >= seq for c in clients), forgiven(30))

    def heads(self) -> dict[str, int]:
        """Returns the highest acknowledged number of each room."""
        heads = {room.identity: 0 for room in self.rooms}
        for ack in self.recorder.acks:
            heads[ack.room] = max(heads[ack.room], ack.seq)
        return heads

    def state(self) -> str:
        """Returns who is behind, and by what."""
        heads = self.heads()
        return "; ".join(
            f"{device} of {client.url} {'on' if client.connected else 'off'}: {room}"
            f" {client.rooms[room].seq}/{heads[room]} {client.rooms[room].gap}"
            for device, client in self.clients.items()
            for room in self.rooms_of(self.of[device])
            if client.rooms[room].seq < heads[room]
        )

    async def settle(self) -> None:
        """Waits until every device shows everything that was acknowledged."""
        heads = self.heads()

        def complete() -> bool:
            return all(
                client.rooms[room.identity].seq >= heads[room.identity]
                for room in self.rooms
                for client in self.clients_of(room)
            )

        with suppress(AssertionError):
            await until(complete, SETTLED_WITHIN_S)
        assert complete(), f"not settled within {SETTLED_WITHIN_S} s: {self.state()}"

    async def judge(self) -> tuple[Counts, list[str]]:
        """Returns the recorder's judgement over all histories and screens, including those of new
        devices."""
        await self._look_afresh()
        return await self.judge_since({room.identity: 0 for room in self.rooms})

    async def judge_since(self, known: Mapping[str, int]) -> tuple[Counts, list[str]]:
        """Returns the same over what came after these numbers, of {room: number}, without new
        devices."""
        histories: dict[str, dict[str, Sequence[Json]]] = {}
        for room in self.rooms:
            reading = (p.history(room.identity, known[room.identity]) for p in room.members)
            names = [person.identity for person in room.members]
            read = await asyncio.gather(*reading)
            histories[room.identity] = dict(zip(names, read, strict=True))
        screens = {
            device: {room: client.rooms[room].shown for room in self.rooms_of(self.of[device])}
            for device, client in self.clients.items()
        }
        return self.recorder.judge(histories, screens, known)

    async def _look_afresh(self) -> None:
        """Connects a new device for everybody, which has nothing and gets everything by `sync`."""
        known = len(self.clients)
        for number, person in enumerate(self.people):
            if self.rooms_of(person):
                await self.connect(f"new{number}", person, number)
        new = list(self.clients.values())[known:]
        await until(lambda: all(client.settled for client in new), SETTLED_WITHIN_S)

    async def close(self) -> None:
        """Closes all connections and deletes the rooms: the next run begins with none."""
        await self._stack.aclose()
        for room in self.rooms:
            await room.members[0].api.delete(f"rooms/{room.identity}/")
