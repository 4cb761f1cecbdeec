"""The bare broadcast server: the limit of the load generator."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import count
from pathlib import Path

from bench.clients import Client, Tally, open_socket
from bench.peers.base import Peer, Seat
from bench.processes import LOOPBACK, free_port, listens, python, started
from bench.workloads import TEXT

_TEXT = f" {TEXT}".encode()
_room_numbers = count()


class LimitClient(Client):
    def post(self, number: int) -> None:
        self.write(b"%d.%d" % (self.index, number) + _TEXT)

    def on_text(self, payload: bytes) -> None:
        sender, _point, number = payload[: payload.index(b" ")].partition(b".")
        self.delivered(int(sender), int(number))


class Limit(Peer):
    name = "limit"
    title = "bare broadcast"
    stores = "no"

    def version(self) -> str:
        return f"picows {version('picows')}"

    @contextmanager
    def running(self) -> Iterator[None]:
        self.port = free_port()
        command = python("-m", "bench.peers.limit_server", str(self.port))
        with (
            tempfile.TemporaryDirectory(prefix="bench-limit-") as home,
            started(self.name, command, Path(home), lambda: listens(self.port)) as child,
        ):
            self.children = {"server": child}
            yield

    def room(self, size: int) -> list[Seat]:
        room = f"/{next(_room_numbers)}"
        return [Seat(str(number), room) for number in range(size)]

    def pairs(self, count: int) -> list[Seat]:
        return [seat for _pair in range(count) for seat in self.room(2)]

    def client(self, seat: Seat, index: int, tally: Tally) -> Client:
        return LimitClient(index, tally)

    async def connect(self, client: Client, seat: Seat) -> None:
        await open_socket(client, f"ws://{LOOPBACK}:{self.port}{seat.to}")
