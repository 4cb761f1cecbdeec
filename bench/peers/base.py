"""What the load generator needs of a system under load."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import psutil

from bench import BenchError
from bench.clients import Client, Tally
from bench.processes import end_of, tree
from imsystem.embedded.children import Child


@dataclass(frozen=True)
class Seat:
    """Where one client sits: who it is, what proves it, and where its messages go."""

    who: str
    to: str = ""
    secret: str = field(default="", repr=False)


class Peer(ABC):
    """A system under load. `name` is what --peers calls it."""

    name: str
    title: str
    # What it promises of a message at the moment when the sender or receiver sees it.
    stores: str

    def missing(self) -> str:
        """Returns what to install before it can run; "" when nothing is missing."""
        return ""

    def version(self) -> str:
        """Its version, and that of what it runs on, as far as that decides its speed."""
        return ""

    @abstractmethod
    def running(self) -> AbstractContextManager[None]:
        """Starts it on loopback with its data in a temporary directory; stops it at the end.

        Raises BenchError when it does not start.
        """

    def __init__(self) -> None:
        self.children: dict[str, Child] = {}  # what running() has started, by function

    def check(self) -> None:
        """Raises BenchError when a process of it has ended."""
        for child in self.children.values():
            if not child.runs():
                raise BenchError(end_of(child))

    def parts(self) -> dict[str, Sequence[psutil.Process]]:
        """Returns its processes by function. Raises BenchError when one has ended."""
        self.check()
        return {name: tree(child.process.pid) for name, child in self.children.items()}

    @abstractmethod
    def room(self, size: int) -> list[Seat]:
        """Returns the members of a new room."""

    @abstractmethod
    def pairs(self, count: int) -> list[Seat]:
        """Returns users two by two: the first and second talk, the third and fourth, and so on."""

    @abstractmethod
    def client(self, seat: Seat, index: int, tally: Tally) -> Client:
        """A client for the seat, not yet connected."""

    @abstractmethod
    async def connect(self, client: Client, seat: Seat) -> None:
        """Connects it; returns when it will get every message from now on."""
