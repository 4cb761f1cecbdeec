"""Users who talk: all at once, each message sent again until it is acknowledged."""

import asyncio
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.system.clients import Client, until

# Conversations of one user at the same time: a message that hangs must not silence them.
VOICES = 3
IN_A_ROW = 4
# A quarter of the sends are bursts of four messages.
MEAN = 1 + (IN_A_ROW - 1) / IN_A_ROW
LONGEST = 200  # characters


@dataclass(frozen=True)
class Talker:
    """A connected client, and the rooms it talks in."""

    client: Client
    rooms: Sequence[str]


class Load:
    """Sends about `rate` messages a second, from all talkers together, until it is told to stop."""

    def __init__(self, talkers: Sequence[Talker], rate: float, rng: random.Random) -> None:
        self._talkers = talkers
        self._pause = len(talkers) * VOICES * MEAN / rate
        self._rng = rng
        self._over = asyncio.Event()
        self._voices: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for talker in self._talkers:
            for _ in range(VOICES):
                self._voices.append(asyncio.create_task(self._talk(talker)))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for voice in self._voices:
            voice.cancel()
        await asyncio.gather(*self._voices, return_exceptions=True)

    async def _talk(self, talker: Talker) -> None:
        while True:
            pause = self._rng.uniform(0, 2 * self._pause)
            try:
                async with asyncio.timeout(pause):
                    await self._over.wait()
                return
            except TimeoutError:
                await self._say(talker.client, self._rng.choice(talker.rooms))

    async def _say(self, client: Client, room: str) -> None:
        """Sends one message or, now and then, several without waiting for the acks between them."""
        count = IN_A_ROW if self._rng.random() < 1 / IN_A_ROW else 1
        await asyncio.gather(*(client.send(room, words(self._rng)) for _ in range(count)))

    @property
    def acked(self) -> int:
        return sum(len(talker.client.acked) for talker in self._talkers)

    async def until_acked(self, count: int, within: float = 30.0) -> None:
        """Waits until so many more messages are acknowledged."""
        enough = self.acked + count
        await until(lambda: self.acked >= enough, within)

    async def finish(self, within: float = 40.0) -> None:
        """Begins no more messages; every one that was begun gets its ack."""
        self._over.set()
        async with asyncio.timeout(within):
            await asyncio.gather(*self._voices)


def words(rng: random.Random) -> str:
    """Returns a text that no other message has."""
    return secrets.token_hex(4) + "x" * rng.randrange(LONGEST)
