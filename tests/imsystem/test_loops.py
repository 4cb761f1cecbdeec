"""Calls from threads onto the event loop."""

import asyncio
import threading
import time

import pytest

from imsystem import loops
from imsystem.errors import Unavailable
from imsystem.loops import run_on_loop


async def forty_two() -> int:
    return 42


async def late() -> None:
    raise TimeoutError("its own")


def test_it_gives_what_the_coroutine_gives() -> None:
    assert run_on_loop(forty_two()) == 42
    with pytest.raises(TimeoutError, match="its own"):
        run_on_loop(late())


def test_nobody_waits_for_a_loop_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a web worker that is asked to end would be killed after 15 s."""
    monkeypatch.setattr(loops, "LOOK_AGAIN_S", 0.05)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    monkeypatch.setattr(loops, "_server_loop", loop)
    while not loop.is_running():
        time.sleep(0.01)

    async def ending() -> None:
        loop.stop()
        await asyncio.sleep(0)

    with pytest.raises(Unavailable):
        run_on_loop(ending())
    thread.join()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_a_call_takes_no_longer_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "LOOK_AGAIN_S", 0.02)
    monkeypatch.setattr(loops, "CALL_TIMEOUT_S", 0.05)
    with pytest.raises(Unavailable):
        run_on_loop(asyncio.sleep(5))
