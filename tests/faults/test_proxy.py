"""The proxy breaks what it says it breaks."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from imsystem.embedded.network import free_port
from tests.faults.proxy import Proxy

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[], Awaitable[Ends]]


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A proxy in front of an echo server."""
    port = free_port()
    server = await asyncio.start_server(_echo, "127.0.0.1", port)
    proxy = Proxy(port)
    await proxy.start()
    yield proxy
    await proxy.stop()
    server.close()


@pytest.fixture
async def dial(proxy: Proxy) -> AsyncIterator[Dial]:
    """Makes connections through the proxy, and closes them at the end."""
    writers: list[asyncio.StreamWriter] = []

    async def connect() -> Ends:
        ends = await asyncio.open_connection("127.0.0.1", proxy.port)
        writers.append(ends[1])
        return ends

    yield connect
    for writer in writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def says_back(ends: Ends, text: bytes, within: float = 5.0) -> float:
    """Returns after how many seconds the text came back. Raises TimeoutError."""
    reader, writer = ends
    started = time.monotonic()
    async with asyncio.timeout(within):
        writer.write(text)
        assert await reader.readexactly(len(text)) == text
    return time.monotonic() - started


async def silent(ends: Ends, text: bytes = b"lost") -> bool:
    try:
        await says_back(ends, text, 0.1)
    except TimeoutError:
        return True
    return False


async def test_without_a_fault_everything_arrives(proxy: Proxy, dial: Dial) -> None:
    ends = await dial()
    await says_back(ends, b"x" * 1_000_000)
    ends[1].write_eof()
    assert await ends[0].read() == b""


@pytest.mark.parametrize("ways", [{}, {"up": False}, {"down": False}], ids=["both", "down", "up"])
async def test_held_packets_arrive_when_the_network_is_back(
    proxy: Proxy, dial: Dial, ways: dict[str, bool]
) -> None:
    ends = await dial()
    await says_back(ends, b"before")
    proxy.hold(**ways)
    assert await silent(ends, b"held")
    await proxy.heal()
    assert await ends[0].readexactly(4) == b"held"
    await says_back(ends, b"after")


async def test_a_forgotten_connection_stays_dead_and_new_ones_work(
    proxy: Proxy, dial: Dial
) -> None:
    old = await dial()
    await says_back(old, b"before")
    proxy.forget()
    assert proxy.connections == 0
    assert await silent(old)
    await proxy.heal()
    assert await silent(old)
    await says_back(await dial(), b"new")


async def test_a_reset_is_an_error_at_both_ends(proxy: Proxy, dial: Dial) -> None:
    reader, writer = await dial()
    await says_back((reader, writer), b"before")
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await reader.read()


async def test_a_refusing_proxy_listens_again_on_the_same_port(proxy: Proxy, dial: Dial) -> None:
    port = proxy.port
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await dial()
    await proxy.heal()
    assert proxy.port == port
    await says_back(await dial(), b"again")


async def test_latency_delays_and_does_not_slow_down(proxy: Proxy, dial: Dial) -> None:
    ends = await dial()
    proxy.up.delay = proxy.down.delay = 0.1
    assert 0.2 <= await says_back(ends, b"x" * 500_000) < 1.2  # 1.6 s, if it applied to each chunk


async def test_a_thin_line_takes_its_time(proxy: Proxy, dial: Dial) -> None:
    ends = await dial()
    proxy.down.rate = 1_000
    assert await says_back(ends, b"x" * 300) > 0.2
