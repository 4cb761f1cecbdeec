"""Everybody talks at once while something happens to the system, and what has to be true then."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Self

from tests.system.clients import Client, until
from tests.system.people import Person

# A number that was taken when nobody could hear the answer is a gap for chat.gaps.SETTLE_MS.
SETTLED_WITHIN_S = 30.0


@asynccontextmanager
async def all_connected(people: list[Person]) -> AsyncIterator[list[Client]]:
    async with AsyncExitStack() as stack:
        clients = [Client(person.url, person.token) for person in people]
        for client in clients:
            await stack.enter_async_context(client)
        yield clients


class Burst:
    """Everybody talks at once until told to stop, and never gives a message up."""

    def __init__(self, clients: list[Client], room: str) -> None:
        self.clients = clients
        self.room = room
        self._over = asyncio.Event()
        self._talking: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._talking = [asyncio.create_task(self._talk(client)) for client in self.clients * 3]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for talking in self._talking:
            talking.cancel()
        await asyncio.gather(*self._talking, return_exceptions=True)

    async def _talk(self, client: Client) -> None:
        while not self._over.is_set():
            await client.send(self.room, secrets.token_hex(8))
            await asyncio.sleep(0.01)

    async def stop(self, within: float = 20.0) -> None:
        """Waits until every message that was begun is acknowledged."""
        self._over.set()
        async with asyncio.timeout(within):
            await asyncio.gather(*self._talking)

    async def until_acked(self, count: int) -> None:
        """Waits until so many more messages are acknowledged."""
        enough = self.acked + count
        await until(lambda: self.acked >= enough)

    @property
    def acked(self) -> int:
        return sum(len(client.acked) for client in self.clients)

    @property
    def head(self) -> int:
        """Returns the newest message that was acknowledged."""
        return max(int(message["seq"]) for c in self.clients for message in c.acked.values())

    def complete(self, seq: int) -> bool:
        """Returns whether every client shows everything up to here."""
        return all(client.rooms[self.room].seq >= seq for client in self.clients)

    def slowest(self) -> float:
        return max(seconds for client in self.clients for _code, seconds in client.answers)

    def codes(self) -> Counter[str]:
        return Counter(code for client in self.clients for code, _seconds in client.answers)


def in_order(client: Client, room: str) -> bool:
    """True when each connection brought the messages that came after its `ready` in order."""
    for frame in client.frames:
        if frame["type"] == "ready":
            heads = {each["identity"]: each["last_seq"] for each in frame["rooms"]}
            last = begun = heads.get(room, 0)
        elif frame["type"] == "message.created" and frame["room_identity"] == room:
            seq = frame["message"]["seq"]
            if begun < seq <= last:
                return False
            last = max(last, seq)
    return True


async def stored_is_what_was_acked(person: Person, burst: Burst) -> None:
    """No acknowledged message is lost, doubled or moved; all that was begun is acknowledged by
    now."""
    stored = await person.history(burst.room)
    by_client_id = {message["client_id"]: message for message in stored}
    assert len(by_client_id) == len(stored), "stored twice"
    seqs = [message["seq"] for message in stored]
    assert seqs == sorted(set(seqs))
    for client in burst.clients:
        assert in_order(client, burst.room)
        assert client.sent == client.acked.keys()
        for client_id, message in client.acked.items():
            kept = by_client_id[client_id]
            assert (kept["identity"], kept["seq"]) == (message["identity"], message["seq"])
        shown = [message["identity"] for message in client.rooms[burst.room].shown]
        assert shown == [message["identity"] for message in stored]
