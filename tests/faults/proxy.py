"""A TCP proxy that breaks connections in the ways networks do, while they are in use.

Bytes are never taken out of a stream that goes on: TCP would have sent them again. So packets that
do not arrive are a stream that stands still (`hold`), and a connection that the network has
forgotten swallows everything for ever (`forget`).
"""

import asyncio
import random
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from imsystem.embedded.network import free_port

CHUNK = 65_536
# SO_LINGER with a time of zero: close() sends RST.
RESET = struct.pack("ii", 1, 0)
# What TCP waits at least before it sends a lost packet again.
RETRANSMIT_S = 0.2


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    return await reader.read(CHUNK)


@dataclass
class Way:
    """One direction. `delay`, `jitter` in seconds; `loss`: the share of chunks that come late, as a
    lost packet does; `rate` in bytes per second, 0 for as fast as possible; `read` takes the next
    bytes of the stream."""

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    rate: int = 0
    read: Callable[[asyncio.StreamReader], Awaitable[bytes]] = _chunk
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def lag(self, rng: random.Random) -> float:
        lost = RETRANSMIT_S if rng.random() < self.loss else 0.0
        return self.delay + rng.random() * self.jitter + lost

    def pieces(self, data: bytes) -> Sequence[bytes]:
        """Yields the data as it goes onto a slow line, a twentieth of a second at a time."""
        if not self.rate:
            return [data]
        size = max(1, self.rate // 20)
        return [data[start : start + size] for start in range(0, len(data), size)]


@dataclass(eq=False)
class Link:
    """One connection through the proxy: its two streams, once the second one exists."""

    writers: list[asyncio.StreamWriter]
    forgotten: bool = False

    def reset(self) -> None:
        for writer in self.writers:
            raw = writer.get_extra_info("socket")
            if raw is not None and not writer.transport.is_closing():
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()


class Proxy:
    """`127.0.0.1:port` in front of `127.0.0.1:target`. `up` is the direction to the target."""

    def __init__(self, target: int, seed: int = 0) -> None:
        self.target = target
        self.port = 0
        self.up, self.down = Way(), Way()
        self.accepted = 0
        self._rng = random.Random(seed)
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listens; after the first time on the same port."""
        self.port = self.port or free_port()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Closes all connections and stops listening."""
        self.refuse()
        self.reset()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- faults ----------------------------------------------------------------------------

    def hold(self, *, up: bool = True, down: bool = True) -> None:
        """Stops all packets, in both directions or in one."""
        for way, held in ((self.up, up), (self.down, down)):
            if held:
                way.open.clear()

    def forget(self) -> None:
        """Kills the present connections without telling anybody; new ones work."""
        for link in self._links:
            link.forgotten = True

    def reset(self, *, forgotten: bool = False) -> None:
        """Sends RST to both ends of every connection, or only of those that were forgotten."""
        for link in list(self._links):
            if link.forgotten or not forgotten:
                link.reset()

    def refuse(self) -> None:
        """Stops listening on the port."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def heal(self) -> None:
        """Restores a good network. What was held arrives now; forgotten connections stay dead."""
        for way in (self.up, self.down):
            way.delay = way.jitter = way.loss = way.rate = 0
            way.open.set()
        if self._server is None:
            await self.start()

    @property
    def connections(self) -> int:
        """Returns the connections that still carry something."""
        return sum(not link.forgotten for link in self._links)

    # --- streams ---------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = Link([writer])
        self._links.add(link)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._join(link, reader, writer)
        except (OSError, asyncio.CancelledError):
            link.reset()
        finally:
            self._tasks.discard(task)
            self._links.discard(link)
            for end in link.writers:
                end.close()

    async def _join(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await self.up.open.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            link.reset()
            return
        link.writers.append(far_writer)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._carry(link, self.up, reader, far_writer))
            both.create_task(self._carry(link, self.down, far_reader, writer))

    async def _carry(
        self, link: Link, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)
        delivery = asyncio.create_task(self._deliver(link, way, under_way, writer))
        try:
            await self._take(link, way, reader, under_way)
            await delivery
        except OSError:
            link.reset()
        finally:
            delivery.cancel()

    async def _take(
        self,
        link: Link,
        way: Way,
        reader: asyncio.StreamReader,
        under_way: "asyncio.Queue[tuple[float, bytes]]",
    ) -> None:
        """Reads until the end and notes when each chunk is to arrive; none overtakes another."""
        loop = asyncio.get_running_loop()
        due = 0.0
        data = b"more"
        while data:
            data = await way.read(reader)
            due = max(due, loop.time() + way.lag(self._rng))
            await under_way.put((due, data))

    async def _deliver(
        self,
        link: Link,
        way: Way,
        under_way: "asyncio.Queue[tuple[float, bytes]]",
        writer: asyncio.StreamWriter,
    ) -> None:
        loop = asyncio.get_running_loop()
        data = b"more"
        while data:
            due, data = await under_way.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            for piece in way.pieces(data):
                await way.open.wait()
                if link.forgotten:
                    await asyncio.Event().wait()  # neither data nor the end ever arrives
                writer.write(piece)
                await writer.drain()
                if way.rate:
                    await asyncio.sleep(len(piece) / way.rate)
        await way.open.wait()
        if not link.forgotten and writer.can_write_eof():
            writer.write_eof()
