"""The queue between a socket's server and its application."""

import asyncio

import pytest

from imsystem.embedded.inbox import Inbox


async def test_first_in_first_out() -> None:
    inbox = Inbox()
    assert inbox.empty()
    for number in range(3):
        inbox.put_nowait({"number": number})
    assert not inbox.empty()
    assert [(await inbox.get())["number"] for _ in range(3)] == [0, 1, 2]
    assert inbox.empty()


async def test_the_reader_waits_for_what_comes() -> None:
    inbox = Inbox()
    reading = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    assert not reading.done()
    inbox.put_nowait({"number": 1})
    inbox.put_nowait({"number": 2})
    assert (await reading, await inbox.get()) == ({"number": 1}, {"number": 2})


async def test_a_reader_that_gives_up_takes_nothing_with_it() -> None:
    inbox = Inbox()
    reading = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    inbox.put_nowait({"number": 1})
    assert await inbox.get() == {"number": 1}
