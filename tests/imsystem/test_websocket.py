"""A socket's server, read by read: the short way of a read is the long way's, but for the time."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode, apply_mask  # type: ignore[attr-defined]

from imsystem.embedded.websocket import WebSocketProtocol
from imsystem.realtime.wire import only_text_frame, text_frame

LARGEST = 70_000
MASK = b"\x9a\x00\x41\xf3"
PING_S, PONG_S = 30.0, 20.0
HELLO = (
    b"GET /ws/ HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
Message = dict[str, Any]


def masked(data: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    """As a client sends it, but always with the same mask."""
    wire = bytearray(Frame(opcode, data).serialize(mask=False))
    wire[0] &= 0xFF if fin else 0x7F
    wire[1] |= 0x80
    head = wire[: len(wire) - len(data)]
    return bytes(head) + MASK + apply_mask(data, MASK)


class LongWay(WebSocketProtocol):
    """Has every read parsed."""

    def data_received(self, data: bytes) -> None:
        WebSocketsSansIOProtocol.data_received(self, data)


class Clock:
    """The loop, but for its time."""

    def __init__(self) -> None:
        self.now, self._timers = 1_000.0, list[tuple[float, Callable[[], None]]]()
        self.create_task = asyncio.get_running_loop().create_task

    def time(self) -> float:
        return self.now

    def call_later(self, delay_s: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        timer = (self.now + delay_s, action)
        self._timers.append(timer)

        class Handle:
            cancel = staticmethod(lambda: timer in self._timers and self._timers.remove(timer))

        return Handle()  # type: ignore[return-value]

    def passes(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [timer for timer in self._timers if timer[0] <= end]:
            timer = min(due, key=lambda one: one[0])
            self._timers.remove(timer)
            self.now = timer[0]
            timer[1]()
        self.now = end


class Line(asyncio.Transport):
    """What the server writes, and whether it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed, self.reading = b"", False, True
        self.pauses, self.aborted = 0, False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def pause_reading(self) -> None:
        self.reading, self.pauses = False, self.pauses + 1

    def resume_reading(self) -> None:
        self.reading = True


class Socket:
    """An open socket at a server without a network; `heard`: what its application was told."""

    def __init__(self, kind: type[WebSocketProtocol] = WebSocketProtocol) -> None:
        config = uvicorn.Config(
            self._application,
            interface="asgi3",
            ws_max_size=LARGEST,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PONG_S,
            ws_per_message_deflate=False,
            log_config=None,
            log_level="warning",
        )
        self.clock, self.line, self.heard = Clock(), Line(), list[Message]()
        config.load()
        self.protocol = kind(config, ServerState(), {}, self.clock)  # type: ignore[arg-type]
        self.protocol.connection_made(self.line)

    async def _application(self, _scope: Message, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while not self.heard or self.heard[-1]["type"] != "websocket.disconnect":
            self.heard.append(await receive())

    async def says(self, *pieces: bytes) -> None:
        """Each of the pieces is one read."""
        for piece in pieces:
            if not self.line.closed:
                self.protocol.data_received(piece)
            for _ in range(5):  # the application's turn
                await asyncio.sleep(0)

    async def ends(self) -> None:
        self.protocol.connection_lost(None)
        await asyncio.gather(*self.protocol.tasks)


async def opened(kind: type[WebSocketProtocol] = WebSocketProtocol) -> Socket:
    socket = Socket(kind)
    await socket.says(HELLO)
    assert socket.line.written.startswith(b"HTTP/1.1 101 ")
    socket.line.written = b""
    return socket


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The reads that took the long way."""
    reads: list[bytes] = []
    long_way = WebSocketsSansIOProtocol.data_received

    def data_received(self: WebSocketsSansIOProtocol, data: bytes) -> None:
        reads.append(data)
        long_way(self, data)

    monkeypatch.setattr(WebSocketsSansIOProtocol, "data_received", data_received)
    return reads


# --- one frame ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535])
def test_one_text_frame_is_read_at_any_size(size: int) -> None:
    text = bytes(number % 251 for number in range(size))
    assert only_text_frame(masked(text), LARGEST) == text
    assert only_text_frame(masked(text), size) == text
    assert only_text_frame(masked(text), size - 1) is None


OTHERS = {
    "nothing": b"",
    "one byte": b"\x81",
    "not all of it": masked(b"text")[:-1],
    "more than it": masked(b"text") + b"x",
    "two of them": masked(b"text") * 2,
    "half of its length": masked(b"x" * 200)[:3],
    "a length of eight bytes": masked(b"x" * 65_536),
    "the first of several": masked(b"text", fin=False),
    "binary": masked(b"text", Opcode.BINARY),
    "the last of several": masked(b"", Opcode.CONT),
    "ping": masked(b"", Opcode.PING),
    "close": masked(b"", Opcode.CLOSE),
    "not masked": Frame(Opcode.TEXT, b"text").serialize(mask=False),
    "of an extension": b"\xc1" + masked(b"text")[1:],
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_what_else_comes_is_left_to_the_parser(data: bytes) -> None:
    assert only_text_frame(data, LARGEST) is None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_a_frame_of_ours_is_the_frame_websockets_makes(size: int) -> None:
    text = "é" * (size // 2) + "x" * (size % 2)
    assert text_frame(text) == Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


# --- a socket ----------------------------------------------------------------------------------

FRAMES = st.one_of(
    st.builds(masked, st.text(max_size=150).map(str.encode)),
    st.builds(masked, st.binary(max_size=8)),  # which may be no UTF-8
    st.builds(masked, st.binary(max_size=8), st.sampled_from(list(Opcode)), fin=st.booleans()),
    st.tuples(st.text(max_size=8), st.text(max_size=8)).map(
        lambda halves: (
            masked(halves[0].encode(), fin=False) + masked(halves[1].encode(), Opcode.CONT)
        )
    ),
    st.binary(min_size=1, max_size=8),
)


@given(frames=st.lists(FRAMES, max_size=6), cuts=st.lists(st.integers(0, 400), max_size=6))
@settings(max_examples=300, deadline=None)
def test_however_frames_come_the_application_hears_the_same(
    frames: list[bytes], cuts: list[int]
) -> None:
    async def both() -> None:
        short, long = await opened(), await opened(LongWay)
        for socket in (short, long):
            await socket.says(*pieces(b"".join(frames), cuts))
            await socket.ends()
        assert (short.heard, short.line.written) == (long.heard, long.line.written)

    asyncio.run(both())


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:end] for start, end in itertools.pairwise(at)]


async def test_a_frame_may_come_in_any_two_reads_and_the_next_is_read_the_short_way(
    parsed: list[bytes],
) -> None:
    first, second = masked(b"x" * 130), masked("你好".encode())
    for cut in range(1, len(first)):
        socket = await opened()
        parsed.clear()
        await socket.says(first[:cut], first[cut:])
        assert parsed == [first[:cut], first[cut:]]
        await socket.says(second)
        assert len(parsed) == 2
        assert [message["text"] for message in socket.heard] == ["x" * 130, "你好"]
        await socket.ends()


async def test_inside_a_fragmented_message_nothing_is_read_the_short_way(
    parsed: list[bytes],
) -> None:
    socket = await opened()
    await socket.says(masked(b"half", fin=False), masked(b"another"))
    assert len(parsed) == 3  # with the handshake
    assert socket.heard == [
        {"type": "websocket.disconnect", "code": 1002, "reason": "expected a continuation frame"}
    ]
    await socket.ends()


async def test_reading_pauses_only_while_a_second_message_waits() -> None:
    socket = await opened()
    await socket.says(*[masked(b"one")] * 5)
    assert (socket.line.pauses, len(socket.heard)) == (0, 5)
    socket.protocol.data_received(masked(b"one") * 3)
    assert (socket.line.pauses, socket.line.reading) == (1, False)
    await socket.says()
    await asyncio.sleep(0)
    assert (socket.line.pauses, socket.line.reading, len(socket.heard)) == (1, True, 8)
    await socket.ends()


async def test_after_its_close_nothing_is_heard() -> None:
    socket = await opened()
    await socket.protocol.send({"type": "websocket.close", "code": 4401})
    before = list(socket.heard)
    await socket.says(masked(b"late"))
    assert [message for message in socket.heard if message not in before] == [
        {"type": "websocket.disconnect", "code": 4401, "reason": ""}
    ]
    await socket.ends()


# --- the server's pings ------------------------------------------------------------------------

PING = 0x89


async def test_who_is_heard_from_is_never_pinged() -> None:
    socket = await opened()
    for _ in range(10):
        socket.clock.passes(PING_S - 5)
        await socket.says(masked(b"ping"))
    assert socket.line.written == b""
    await socket.ends()


async def test_who_is_silent_is_pinged_and_then_closed() -> None:
    socket = await opened()
    socket.clock.passes(PING_S - 0.1)
    await socket.says(masked(b"ping"))
    socket.clock.passes(PING_S - 0.1)
    assert socket.line.written == b""
    socket.clock.passes(0.2)
    assert socket.line.written[0] == PING
    socket.clock.passes(PONG_S + 0.1)
    assert socket.line.closed
    await socket.ends()


async def test_a_pong_is_an_answer_and_the_next_ping_comes_in_its_time() -> None:
    socket = await opened()
    for _ in range(3):
        socket.clock.passes(PING_S)
        ping, socket.line.written = socket.line.written, b""
        assert ping[0] == PING
        await socket.says(masked(ping[2:], Opcode.PONG))
    socket.clock.passes(PING_S - 1)
    assert (socket.line.written, socket.line.closed) == (b"", False)
    await socket.ends()


async def test_a_socket_that_ended_is_pinged_no_more() -> None:
    socket = await opened()
    await socket.says(masked(b"ping"))
    await socket.ends()
    socket.clock.passes(10 * PING_S)
    assert socket.line.written == b""


# --- what does not come, and what is not read --------------------------------------------------


MESSAGE_S, ENDED_S = 30.0, 10.0
DRIBBLES = {
    "one frame": [masked(b"x" * 200)[:3], *[b"x"] * 10],
    "fragments": [masked(b"x", fin=False), *[masked(b"x", Opcode.CONT, fin=False)] * 10],
    "fragments and pings": [masked(b"x", fin=False), *[masked(b"", Opcode.PING)] * 10],
}


@pytest.mark.parametrize("pieces", DRIBBLES.values(), ids=DRIBBLES)
async def test_a_message_that_does_not_end_ends_its_socket(pieces: list[bytes]) -> None:
    socket = await opened()
    for piece in pieces:
        await socket.says(piece)
        socket.clock.passes(MESSAGE_S / 12)
    assert not socket.line.closed
    socket.clock.passes(MESSAGE_S / 6)
    assert socket.line.closed
    assert b"\x88\x0a\x03\xf0too slow" in socket.line.written
    await socket.ends()


async def test_each_message_has_its_time_again() -> None:
    """Reads end where they end: of a busy socket perhaps always within a message."""
    socket = await opened()
    whole = masked(b"x" * 200)
    await socket.says(whole[:50])
    for _ in range(10):
        socket.clock.passes(MESSAGE_S - 10)
        await socket.says(whole[50:] + whole[:50])
    assert not socket.line.closed
    await socket.says(whole[50:])
    socket.clock.passes(MESSAGE_S - 1)
    assert not socket.line.closed
    assert len(socket.heard) == 11
    await socket.ends()


@pytest.mark.parametrize("close", ["by us", "by them", "dead"])
async def test_who_reads_nothing_cannot_keep_a_socket_open(close: str) -> None:
    socket = await opened()
    if close == "by us":
        await socket.protocol.send({"type": "websocket.close", "code": 4401})
    elif close == "by them":
        await socket.says(masked(b"\x03\xe8", Opcode.CLOSE))
    else:
        socket.clock.passes(PING_S + PONG_S + 0.1)
    socket.clock.passes(ENDED_S - 0.2)
    assert not socket.line.aborted
    socket.clock.passes(0.3)
    assert socket.line.aborted
    await socket.ends()


async def test_a_socket_that_ended_leaves_no_timer() -> None:
    socket = await opened()
    await socket.says(masked(b"x", fin=False), masked(b"\x03\xe8", Opcode.CLOSE))
    await socket.ends()
    socket.clock.passes(10 * MESSAGE_S)
    assert not socket.line.aborted
