"""Reads that many callers share: each gets what was read after it asked, once for all."""

import asyncio
from collections.abc import Sequence

import pytest

from imsystem.mongo.shared_reads import SharedReads


class Source:
    """Documents that are read when `gate` lets it; `reads` are the keys of each read."""

    def __init__(self) -> None:
        self.documents = {"a": 1, "b": 2}
        self.reads: list[list[str]] = []
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def read(self, keys: Sequence[str]) -> dict[str, int]:
        self.reads.append(list(keys))
        found = {key: self.documents[key] for key in keys if key in self.documents}
        await self.gate.wait()
        if self.error:
            raise self.error
        return found


def later(reads: SharedReads[str, int], *keys: str) -> "list[asyncio.Task[int | None]]":
    return [asyncio.create_task(reads.get(key)) for key in keys]


async def test_who_asks_at_once_shares_a_read_and_a_key_is_read_once() -> None:
    source = Source()
    source.gate.set()
    reads = SharedReads(source.read)
    assert await asyncio.gather(*later(reads, "a", "b", "a", "c")) == [1, 2, 1, None]
    assert source.reads == [["a", "b", "c"]]


async def test_who_asks_during_a_read_gets_what_the_next_one_finds() -> None:
    source = Source()
    reads = SharedReads(source.read)
    first = later(reads, "a")
    await asyncio.sleep(0.01)
    source.documents["a"] = 7
    second = later(reads, "a", "b")
    await asyncio.sleep(0.01)
    source.gate.set()
    assert await asyncio.gather(*first, *second) == [1, 7, 2]
    assert source.reads == [["a"], ["a", "b"]]


async def test_no_read_is_larger_than_it_may_be() -> None:
    source = Source()
    source.gate.set()
    reads = SharedReads(source.read, at_once=2)
    await asyncio.gather(*later(reads, "a", "b", "c"))
    assert source.reads == [["a", "b"], ["c"]]


async def test_an_error_reaches_everybody_and_the_next_read_is_tried() -> None:
    source = Source()
    source.gate.set()
    source.error = OSError("gone")
    reads = SharedReads(source.read)
    found = await asyncio.gather(*later(reads, "a", "b"), return_exceptions=True)
    assert found == [source.error, source.error]
    source.error = None
    assert await reads.get("a") == 1


async def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    source = Source()
    reads = SharedReads(source.read)
    gone, stays = later(reads, "a", "a")
    await asyncio.sleep(0.01)
    gone.cancel()
    source.gate.set()
    assert await stays == 1
    with pytest.raises(asyncio.CancelledError):
        await gone
