"""How a run ends: retries, refusals, deadlines, lost leases, cancellation."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from imsystem.clock import now_ms
from imsystem.jobs import running, services, store
from imsystem.jobs.models import Job, State
from imsystem.jobs.running import run
from imsystem.loops import run_on_loop
from imsystem.threads import run_in_thread
from tests.imsystem.jobs.kinds import count_up, fail, long_work, note, sleep_for_ever
from tests.jobs import run_jobs

QUEUE = "test-plain"
DAY_MS = 86_400_000


def claimed() -> dict[str, Any]:
    """The one due job, as this process's own."""

    async def take() -> dict[str, Any]:
        [job] = await store.due_between(QUEUE, 0, now_ms())
        taken = await store.claim(job)
        assert taken is not None
        return taken

    return run_on_loop(take())


def test_a_failure_is_tried_again_later_each_time(clock: Any, done: list[Any]) -> None:
    fail.enqueue("later")
    assert run_jobs(QUEUE) == ["retry"]
    clock.shift(timedelta(milliseconds=999))
    assert run_jobs(QUEUE) == []
    clock.shift(timedelta(milliseconds=1))
    assert run_jobs(QUEUE) == ["retry"]
    clock.shift(timedelta(milliseconds=1_999))
    assert run_jobs(QUEUE) == []
    clock.shift(timedelta(milliseconds=1))
    assert run_jobs(QUEUE) == ["failed"]  # the third try is the last
    job = Job.objects.get()
    assert (job.state, job.error, job.tries) == (State.FAILED, "451 4.7.1", 3)
    assert job.due_at == now_ms() + 14 * DAY_MS


def test_waits_double_up_to_a_limit() -> None:
    waits = [fail.retry_after_ms(tries) for tries in (1, 2, 3, 6, 7, 8, 1_000)]
    assert waits == [1_000, 2_000, 4_000, 32_000, 60_000, 60_000, 60_000]


def test_a_refusal_is_not_repeated(done: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    fail.enqueue("never")
    assert run_jobs(QUEUE) == ["failed"]
    [record] = [r for r in caplog.records if r.name == "imsystem.jobs.running"]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "a job of test-plain failed for good: 550 5.1.1"


def test_an_unexpected_error_is_logged_by_its_place(
    done: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    fail.enqueue("bug")
    assert run_jobs(QUEUE) == ["retry"]
    assert "KeyError in" in caplog.text
    assert "kinds.py:" in caplog.text
    assert "example.org" not in caplog.text
    assert Job.objects.get().error == "KeyError"


def test_a_job_that_kills_its_process_each_time_ends(clock: Any, done: list[Any]) -> None:
    fail.enqueue("later")
    for _death in range(3):
        claimed()
        assert run_jobs(QUEUE) == []
        clock.shift(timedelta(milliseconds=store.LEASE_MS))
    assert run_jobs(QUEUE) == ["failed"]
    assert (done, Job.objects.get().error) == ([], "its process died in each try")


@pytest.mark.parametrize("attempt", range(20))
def test_of_two_who_claim_one_gets_it(attempt: int) -> None:
    note.enqueue(1)

    async def race() -> int:
        [job] = await store.due_between(QUEUE, 0, now_ms())
        claims = await asyncio.gather(*(store.claim(job) for _process in range(4)))
        return sum(claim is not None for claim in claims)

    assert run_on_loop(race()) == 1


def test_an_expired_lease_is_taken_over_and_the_first_run_changes_nothing(
    clock: Any, done: list[Any]
) -> None:
    fail.enqueue("later")
    slow = claimed()
    clock.shift(timedelta(milliseconds=store.LEASE_MS))
    newer = claimed()
    with ThreadPoolExecutor(1) as pool:
        run_on_loop(run(slow, pool))
    job = Job.objects.get()
    assert (job.claim, job.tries, job.error) == (newer["claim"], 2, "")


def test_a_task_of_a_newer_version_waits(clock: Any) -> None:
    note.enqueue(1)
    Job.objects.update(task="not.here.yet")
    assert run_jobs(QUEUE) == ["retry"]
    assert Job.objects.get().due_at == now_ms() + store.LEASE_MS


def test_a_run_that_takes_too_long_is_given_up() -> None:
    sleep_for_ever.enqueue()
    assert run_jobs(QUEUE) == ["failed"]
    assert Job.objects.get().error == "TimeoutError"


async def test_a_long_run_is_renewed_shows_progress_and_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, done: list[Any]
) -> None:
    monkeypatch.setattr(running, "BEAT_S", 0.05)
    job = await long_work.using(owner="a" * 24).aenqueue()
    [due] = await store.due_between(QUEUE, 0, now_ms())
    taken = await store.claim(due)
    assert taken is not None
    with ThreadPoolExecutor(1) as pool:
        task = asyncio.ensure_future(run(taken, pool))
        wanted = services.Progress("active", 0.5, "half")
        async with asyncio.timeout(10):
            while await run_in_thread(_progress, job.id) != wanted:
                await asyncio.sleep(0.02)
            assert await run_in_thread(services.cancel, identity=job.id)
            assert await task == "lost"
    assert done == []


def _progress(identity: str) -> services.Progress:
    return services.progress(identity=identity, user_identity="a" * 24)


def test_done_jobs_are_kept_and_removed(clock: Any, done: list[Any]) -> None:
    count_up.using(owner="a" * 24).enqueue(4)
    assert run_jobs(QUEUE) == ["done"]
    job = Job.objects.get()
    assert (job.state, job.progress, job.result) == (State.DONE, 1.0, "4")
    clock.shift(timedelta(milliseconds=59_999))
    assert store.remove_expired() == 0
    clock.shift(timedelta(milliseconds=1))
    assert store.remove_expired() == 1
