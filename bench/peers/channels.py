"""The usual Channels chat, on two servers with two channel layers."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import count
from pathlib import Path

import msgspec

from bench.clients import Client, Tally, open_socket
from bench.peers.base import Peer, Seat
from bench.processes import LOOPBACK, environment, free_port, listens, python, started, valkey
from bench.workloads import TEXT

APPLICATION = "bench.peers.channels_chat.asgi:application"
_room_numbers = count()
_number = re.compile(r"(\d+)\.(\d+) ").match


class _Frame(msgspec.Struct):
    message: str


_decode = msgspec.json.Decoder(_Frame).decode


class ChannelsClient(Client):
    def post(self, number: int) -> None:
        self.write(msgspec.json.encode({"message": f"{self.index}.{number} {TEXT}"}))

    def on_text(self, payload: bytes) -> None:
        found = _number(_decode(payload).message)
        if found:
            self.delivered(int(found[1]), int(found[2]))


class Channels(Peer):
    """`layer`: `core` or `pubsub`; `server`: `daphne` or `uvicorn`, with its own defaults."""

    stores = "no"

    def __init__(self, server: str, layer: str) -> None:
        super().__init__()
        self.server = server
        self.layer = layer
        self.name = f"channels-{server}"
        self.title = f"Channels chat, {server}"

    def version(self) -> str:
        names = ("channels", "channels-redis", self.server)
        return ", ".join(f"{name} {version(name)}" for name in names)

    def _command(self) -> list[str]:
        port = str(self.port)
        if self.server == "daphne":
            return python("-m", "daphne", "-v", "0", "-b", LOOPBACK, "-p", port, APPLICATION)
        return python(
            *("-m", "uvicorn", "--host", LOOPBACK, "--port", port),
            *("--log-level", "warning", APPLICATION),
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        self.port = free_port()
        with (
            tempfile.TemporaryDirectory(prefix=f"bench-{self.name}-") as folder,
            valkey(Path(folder)) as (redis, redis_url),
        ):
            env = environment(CHANNEL_LAYER=self.layer, REDIS_URL=redis_url)
            with started(
                self.name, self._command(), Path(folder), lambda: listens(self.port), env
            ) as child:
                self.children = {"server": child, "redis": redis}
                yield

    def room(self, size: int) -> list[Seat]:
        room = f"room{next(_room_numbers)}"
        return [Seat(str(number), room) for number in range(size)]

    def pairs(self, count: int) -> list[Seat]:
        return [seat for _pair in range(count) for seat in self.room(2)]

    def client(self, seat: Seat, index: int, tally: Tally) -> Client:
        return ChannelsClient(index, tally)

    async def connect(self, client: Client, seat: Seat) -> None:
        here = f"{LOOPBACK}:{self.port}"
        await open_socket(client, f"ws://{here}/ws/chat/{seat.to}/", {"Origin": f"http://{here}"})
