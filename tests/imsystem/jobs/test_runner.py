"""The runner of a process: wakes at once, keeps queues apart, ends in peace."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from imsystem.clock import now_ms
from imsystem.jobs import metrics, runner
from imsystem.jobs.models import Job
from imsystem.jobs.runner import Runner, count_waiting, start_runner
from imsystem.threads import run_in_thread
from tests.imsystem.jobs import kinds
from tests.imsystem.jobs.kinds import long_work, note, wait_for_test


@pytest.fixture
async def working(done: list[Any], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runner]:
    """A runner of the test's loop that finds nothing by itself for a minute."""
    monkeypatch.setattr(runner, "POLL_S", 60)
    loop = asyncio.get_running_loop()
    start_runner._latest = None
    before = start_runner._values.pop(loop, None)
    if before is not None:
        await before.stop()
    made = start_runner()
    await asyncio.sleep(0.2)  # all lanes have looked
    yield made
    kinds.hold.set()
    await made.stop()
    start_runner._latest = None
    start_runner._values.pop(loop, None)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)


async def test_it_wakes_at_once(working: Runner, done: list[Any]) -> None:
    """Also when the job comes from a thread, as those of requests do."""
    await asyncio.to_thread(note.enqueue, "now")
    await until(lambda: done == ["now"])


async def test_jobs_of_other_processes_are_found(
    working: Runner, done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "announce", lambda job: None)
    await asyncio.to_thread(note.enqueue, "from elsewhere")
    monkeypatch.setattr(runner, "POLL_S", 0.1)
    lane = working.lanes["test-plain"]
    lane._look_at = 0.0
    lane._wake.set()
    await until(lambda: done == ["from elsewhere"])


async def test_a_full_queue_holds_up_no_other(working: Runner, done: list[Any]) -> None:
    for number in range(4):
        await wait_for_test.aenqueue(f"slow {number}")
    await until(lambda: len(working.lanes["test-narrow"].running) == 2)
    await note.aenqueue("quick")
    await until(lambda: "quick" in done)
    assert len(working.lanes["test-narrow"].running) == kinds.NARROW.at_once
    kinds.hold.set()
    await until(lambda: len(done) == 5)
    assert sorted(done) == ["quick", "slow 0", "slow 1", "slow 2", "slow 3"]


async def test_at_the_end_running_jobs_finish_and_coroutines_are_given_back(
    working: Runner, done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "DRAIN_S", 0.3)
    await wait_for_test.aenqueue("thread")
    identity = (await long_work.aenqueue()).id
    lanes = working.lanes
    await until(lambda: bool(lanes["test-narrow"].running and lanes["test-plain"].running))
    await asyncio.sleep(0.1)
    kinds.hold.set()
    await working.stop()
    assert done == ["thread"]
    job = await run_in_thread(Job.objects.get, pk=identity)
    assert (job.claim, job.due_at <= now_ms()) == ("", True)
    await note.aenqueue("after the end")
    await asyncio.sleep(0.1)
    assert done == ["thread"]


async def test_what_waits_is_counted(done: list[Any], clock: Any) -> None:
    await note.aenqueue(1)
    clock.shift(7)
    await note.aenqueue(2)
    await count_waiting("test-plain")
    values = [
        gauge.labels("test-plain")._value.get() for gauge in (metrics.waiting, metrics.oldest)
    ]
    assert values == [2, 7]
