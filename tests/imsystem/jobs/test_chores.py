"""Small regular work: all of it is there, and a failure does not end it."""

import asyncio

import pytest
from pymongo.errors import AutoReconnect

from chat.edits import EXPIRE_EVERY_S, expire_recalled_now
from imsystem.jobs import chores
from imsystem.jobs.chores import EVERY_S
from imsystem.jobs.store import remove_expired
from imsystem.mail import handover

FAILURES = {"outage": AutoReconnect("away"), "fault": ValueError("a fault")}


def test_what_every_process_does() -> None:
    assert chores._chores == {
        remove_expired: EVERY_S,
        handover.hand_over: handover.EVERY_S,
        expire_recalled_now: EXPIRE_EVERY_S,
    }


@pytest.mark.parametrize("kind", FAILURES)
async def test_a_chore_goes_on_after_a_failure(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    loop, third, calls = asyncio.get_running_loop(), asyncio.Event(), 0

    def broken() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            loop.call_soon_threadsafe(third.set)
        raise FAILURES[kind]

    task = asyncio.ensure_future(chores._repeat(broken, 0))
    async with asyncio.timeout(10):
        await third.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    told = [record for record in caplog.records if record.name == chores.__name__]
    assert bool(told) == (kind == "fault")
