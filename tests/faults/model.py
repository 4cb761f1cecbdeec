"""A room as a list in memory: whatever is done to the real one, in whatever order, and however
often connections and workers end in between, everybody has to see what the list says."""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.faults.registry import case
from tests.faults.run import CLIENT, Run
from tests.faults.targets import WEB_S, forgiven
from tests.system.clients import PASSING, Client, Json, until
from tests.system.people import Person

PEOPLE = 3
SAME_WITHIN_S = 10.0
ANYBODY = st.integers(0, PEOPLE - 1)
OTHERS = st.integers(1, PEOPLE - 1)  # the first one is the owner and stays
ANY = st.integers(0, 1_000)  # of the messages there are
TEXT = st.text("abc 你好😀\n", min_size=1, max_size=20).filter(str.strip)


@dataclass
class Said:
    """Returns a message as it has to be."""

    identity: str
    client_id: str
    by: int
    seq: int
    data: str
    recalled: bool = False


class Room(RuleBasedStateMachine):
    """`run` and `do` (carries a coroutine out on the run's event loop) are set in a subclass."""

    run: Run
    do: Callable[[Coroutine[Any, Any, Any]], Any]

    def __init__(self) -> None:
        super().__init__()
        self.said: list[Said] = []
        self.members = set(range(PEOPLE))
        self.read = [0] * PEOPLE
        self.killed = False
        self.people: list[Person] = self.run.site.people[:PEOPLE]
        self.devices: list[Client] = []
        self.identity: str = self.do(self._open())

    async def _open(self) -> str:
        owner, *others = self.people
        body = {"name": "Model", "members": [person.identity for person in others]}
        room = await owner.call("POST", "rooms/", **body)
        self.number = room["number"]
        for number in range(PEOPLE):
            self.devices.append(await self._device(number))
        return str(room["identity"])

    async def _device(self, number: int) -> Client:
        workers = self.run.site.workers
        urls = [workers[(number + n) % len(workers)].front_url for n in range(len(workers))]
        return await Client(urls, self.people[number].token, patience=CLIENT).__aenter__()

    def teardown(self) -> None:
        self.do(self._close())

    async def _close(self) -> None:
        for number in self.members:
            history = await self.people[number].history(self.identity)
            assert [(m["identity"], m["data"]) for m in history] == self._expected()
        rooms = (await self.people[0].call("GET", "rooms/"))["results"]
        (own,) = [room for room in rooms if room["identity"] == self.identity]
        assert own["read_seq"] == self.read[0]
        for device in self.devices:
            await device.__aexit__(None, None, None)
        await self.people[0].api.delete(f"rooms/{self.identity}/")

    # --- what people do --------------------------------------------------------------------

    @rule(who=ANYBODY, text=TEXT)
    def say(self, who: int, text: str) -> None:
        client_id = secrets.token_hex(8)
        answer = self._ask(who, "message.send", **self._fields(client_id, text))
        if who not in self.members:
            assert answer["code"] == "not_found"
            return
        message = answer["message"]
        assert not self.said or message["seq"] > self.said[-1].seq
        said = Said(message["identity"], client_id, who, message["seq"], text)
        assert message["data"] == text
        self.said.append(said)

    @precondition(lambda self: self.said)
    @rule(which=ANY, text=TEXT)
    def say_again(self, which: int, text: str) -> None:
        """A device that has not seen its ack; whatever it sends now, the first message counts."""
        said = self.said[which % len(self.said)]
        answer = self._ask(said.by, "message.send", **self._fields(said.client_id, text))
        if said.by not in self.members:
            assert answer["code"] == "not_found"
            return
        assert answer["duplicate"] is True
        found = answer["message"]
        assert (found["identity"], found["seq"]) == (said.identity, said.seq)
        assert found["data"] == said.data

    @precondition(lambda self: self.said)
    @rule(who=ANYBODY, which=ANY, text=TEXT)
    def edit(self, who: int, which: int, text: str) -> None:
        said = self.said[which % len(self.said)]
        answer = self._ask(who, "message.edit", message_identity=said.identity, data=text)
        if who not in self.members:
            assert answer["code"] == "not_found"
        elif said.by != who or said.recalled:
            assert answer["code"] == "forbidden"
        else:
            assert answer["message"]["data"] == text
            said.data = text

    @precondition(lambda self: self.said)
    @rule(who=ANYBODY, which=ANY)
    def recall(self, who: int, which: int) -> None:
        """Authors recall their own messages as often as they like; the owner recalls anybody's,
        once."""
        said = self.said[which % len(self.said)]
        answer = self._ask(who, "message.recall", message_identity=said.identity)
        if who not in self.members:
            assert answer["code"] == "not_found"
        elif who not in (0, said.by) or (said.recalled and who != said.by):
            assert answer["code"] == "forbidden"
        else:
            assert answer["message"]["data"] == ""
            said.data, said.recalled = "", True

    @precondition(lambda self: self.said)
    @rule(who=ANYBODY, which=ANY)
    def read_up_to(self, who: int, which: int) -> None:
        seq = self.said[which % len(self.said)].seq
        answer = self._ask(who, "room.read", room_identity=self.identity, seq=seq)
        if who not in self.members:
            assert answer["code"] == "not_found"
            return
        self.read[who] = max(self.read[who], seq)
        assert answer["seq"] == self.read[who]

    # --- who is there ----------------------------------------------------------------------

    @precondition(lambda self: len(self.members) > 1)
    @rule(who=OTHERS)
    def kick(self, who: int) -> None:
        if who in self.members:
            path = f"rooms/{self.identity}/members/{self.people[who].identity}/"
            self.do(self.people[0].call("DELETE", path))
            self.members.discard(who)

    @precondition(lambda self: len(self.members) < PEOPLE)
    @rule()
    def add(self) -> None:
        """The owner lets somebody in again; a kick applies until then."""
        who = min(set(range(PEOPLE)) - self.members)
        path = f"rooms/{self.identity}/members/"
        added = {"user_identity": self.people[who].identity}
        self.do(self.people[0].call("POST", path, **added))
        self.members.add(who)
        self.read[who] = self.said[-1].seq if self.said else 0  # what was there before is not news
        self.devices[who].hang_up()  # `ready` tells it of its rooms

    # --- what goes wrong -------------------------------------------------------------------

    @rule(who=ANYBODY)
    def hang_up(self, who: int) -> None:
        self.devices[who].hang_up()

    @rule(who=ANYBODY)
    def another_device(self, who: int) -> None:
        """The device has nothing and gets everything."""
        self.do(self._replace(who))

    async def _replace(self, who: int) -> None:
        old, self.devices[who] = self.devices[who], await self._device(who)
        await old.__aexit__(None, None, None)

    @precondition(lambda self: not self.killed)
    @rule()
    def kill_a_worker(self) -> None:
        """Once, as it takes two seconds to start another."""
        self.killed = True
        self.do(self._kill())

    async def _kill(self) -> None:
        await self.run.victim.kill()
        await self.run.victim.start()

    # --- what has to be true ---------------------------------------------------------------

    @invariant()
    def all_see_the_same(self) -> None:
        self.do(until(self._same, forgiven(SAME_WITHIN_S)))

    def _same(self) -> bool:
        return all(self._shown(number) == self._expected() for number in self.members)

    def _expected(self) -> list[tuple[str, str]]:
        return [(said.identity, said.data) for said in self.said]

    def _shown(self, number: int) -> list[tuple[str, str]]:
        line = self.devices[number].rooms[self.identity]
        return [(m["identity"], line.text_of(m["identity"])) for m in line.shown]

    def _fields(self, client_id: str, text: str) -> dict[str, str]:
        return {"room_identity": self.identity, "client_id": client_id, "data": text}

    def _ask(self, who: int, kind: str, **fields: object) -> Json:
        answer: Json = self.do(_ask_until_answered(self.devices[who], kind, fields))
        return answer


async def _ask_until_answered(client: Client, kind: str, fields: Json) -> Json:
    while True:
        await until(lambda: client.connected, forgiven(WEB_S))
        answer = await client.ask(kind, **fields)
        if answer["type"] == "ack" or answer["code"] not in PASSING:
            return answer
        await asyncio.sleep(0.1)


@case("M1", "anything in any order, against a list", heals_within=WEB_S, alone=True)
async def any_order(run: Run) -> None:
    """Hypothesis chooses; it runs in a thread, and everything it does runs on this event loop."""
    loop = asyncio.get_running_loop()
    await run.site.enlist(PEOPLE)

    class Here(Room):
        pass

    Here.run = run
    Here.do = staticmethod(lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(120))
    much = run.scale.patient
    options = settings(
        max_examples=15 if much else 2,
        stateful_step_count=40 if much else 20,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, seed(run.seed)(Here), settings=options)
    run.note(f"{options.max_examples} conversations of up to {options.stateful_step_count} steps")
