"""One socket of the load generator, and the account of all sockets of a measurement.

Every message names its sender and its number ("3.17"), so that each receiver can check the promise
as it goes: each message once, in the order of its sender. Peers' protocols are small subclasses:
how to write a message, and how to read one.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping

from picows import (
    WSFrame,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

READY_WITHIN_S = 300.0
# A server that is still cleaning up after the last measurement may refuse the next for a moment.
# The Channels chat does: redis-py gives it at most 100 connections at once.
TRIES = 20
TRY_AGAIN_S = 0.5


class Tally:
    """What all clients of one measurement saw. `pairs`: whether they talk two by two."""

    def __init__(self, *, pairs: bool = False) -> None:
        self.pairs = pairs
        self.clients: list[Client] = []
        self.faults: Counter[str] = Counter()
        self.reset()

    def reset(self) -> None:
        """Forgets what the warm-up counted; each sender's numbers go on."""
        self.sent = 0
        self.deliveries = 0
        self.confirmations = 0
        # Seconds from when a message was due: until it was delivered, at each receiver (kept
        # for steady loads only), and until its sender knew.
        self.timed = False
        self.delivery_s: list[float] = []
        self.confirm_s: list[float] = []

    def fault(self, what: str) -> None:
        self.faults[what] += 1


class Client(WSListener):
    """One socket. `index` is its place in `tally.clients` and its name in the messages."""

    # Whether the protocol tells the sender of each message that the server has it.
    confirms = False
    # In a conversation of two the sender receives its own message, too.
    echoes_pairs = True

    def __init__(self, index: int, tally: Tally) -> None:
        self.index = index
        self.tally = tally
        self.ready = asyncio.Event()
        self.closing = False
        self.landed = asyncio.Event()
        self.expected: dict[int, int] = {}  # sender -> the number that comes next
        self.due: list[float] = []  # of the own messages, by number
        self.missing: dict[
            int, int
        ] = {}  # own messages on their way -> confirmations still missing

    # --- what a protocol says --------------------------------------------------------------

    def post(self, number: int) -> None:
        """Writes the own message `number` to the wire."""
        raise NotImplementedError

    def on_text(self, payload: bytes) -> None:
        """Reads a frame; calls delivered() and confirmed()."""
        raise NotImplementedError

    # --- the socket ------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            try:
                self.on_text(frame.get_payload_as_bytes())
            except Exception as exc:  # said once in the table, not by every socket on the console
                self.tally.fault(f"frame not understood: {exc!r}")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self.closing:
            received = transport.close_handshake and transport.close_handshake.recv
            self.tally.fault(f"socket closed, code {received.code if received else 'none'}")
            self.ready.set()

    def write(self, text: bytes) -> None:
        self.transport.send(WSMsgType.TEXT, text)

    def close(self) -> None:
        self.closing = True
        self.transport.disconnect()

    # --- messages --------------------------------------------------------------------------

    @property
    def signs(self) -> int:
        """Returns how many signs complete a message: in a room that it came back to its sender; in
        a pair that it arrived, and that the sender knows, by ack or echo, where the protocol tells.
        """
        return 2 if self.tally.pairs and (self.confirms or self.echoes_pairs) else 1

    def send(self, due: float) -> None:
        """Sends the next message, which was due at `due` (time.perf_counter)."""
        number = len(self.due)
        self.due.append(due)
        self.missing[number] = self.signs
        self.tally.sent += 1
        self.post(number)

    def delivered(self, sender: int, number: int) -> None:
        """This socket received a message."""
        tally = self.tally
        tally.deliveries += 1
        if number != self.expected.get(sender, 0):
            tally.fault("not the next message of its sender")
        self.expected[sender] = number + 1
        source = tally.clients[sender]
        if tally.timed:
            tally.delivery_s.append(time.perf_counter() - source.due[number])
        if source is not self:
            if tally.pairs:
                source.sign(number, knows=source.signs == 1)
        elif not (tally.pairs and self.confirms):
            self.sign(number, knows=True)

    def confirmed(self, number: int) -> None:
        """The server told this socket that it has the own message `number`."""
        self.tally.confirmations += 1
        if self.tally.pairs:
            self.sign(number, knows=True)

    def sign(self, number: int, *, knows: bool) -> None:
        """One of the signs that complete a message. `knows`: the one that its sender waits for."""
        if knows:
            self.tally.confirm_s.append(time.perf_counter() - self.due[number])
        left = self.missing.get(number, 0) - 1
        if left > 0:
            self.missing[number] = left
        else:
            self.missing.pop(number, None)
            self.landed.set()


async def open_socket(client: Client, url: str, headers: Mapping[str, str] | None = None) -> None:
    """Connects the client. Its protocol says when it is ready."""
    for _try in range(TRIES):
        try:
            await _connect(client, url, headers)
            return
        except WSInvalidStatusError:
            await asyncio.sleep(TRY_AGAIN_S)
    await _connect(client, url, headers)


async def _connect(client: Client, url: str, headers: Mapping[str, str] | None) -> None:
    await ws_connect(
        lambda: client, url, extra_headers=headers, websocket_handshake_timeout=READY_WITHIN_S
    )


async def until_ready(client: Client) -> None:
    await asyncio.wait_for(client.ready.wait(), READY_WITHIN_S)
