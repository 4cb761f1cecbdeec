"""Storing jobs: what is in the database, keys, secrets, times."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django_tasks.base import TaskResultStatus
from django_tasks.exceptions import TaskResultDoesNotExist

from imsystem.clock import now_ms
from imsystem.ids import is_identity
from imsystem.jobs.models import Job, State
from tests.imsystem.jobs.kinds import count_up, fail, note, note_on_loop, note_secret
from tests.jobs import run_jobs

QUEUE = "test-plain"


def test_a_job_is_stored_whole(clock: Any) -> None:
    result = note.using(owner="5" * 24).enqueue({"n": [1, "好"]})
    assert result.status == TaskResultStatus.READY
    now = now_ms()
    [stored] = Job.objects.values()
    assert is_identity(stored["identity"])
    assert stored == {
        "identity": result.id,
        "created_at": now,
        "updated_at": now,
        "task": "tests.imsystem.jobs.kinds.note",
        "queue": QUEUE,
        "state": "active",
        "due_at": now,
        "run_after": now,
        "not_after": None,
        "tries": 0,
        "claim": "",
        "payload": '{"args": [{"n": [1, "好"]}], "kwargs": {}}',
        "secret": False,
        "owner": "5" * 24,
        "progress": 0.0,
        "progress_text": "",
        "result": "",
        "error": "",
    }


def test_threads_and_coroutines_run_once_and_leave_nothing(done: list[Any]) -> None:
    note.enqueue("thread")
    note_on_loop.enqueue(value="loop")
    assert run_jobs(QUEUE) == ["done", "done"]
    assert run_jobs(QUEUE) == []
    assert done == ["thread", "loop"]
    assert not Job.objects.exists()


async def test_async_callers_queue_too(done: list[Any]) -> None:
    await note.aenqueue("from a coroutine")
    run_jobs(QUEUE)
    assert done == ["from a coroutine"]


def test_the_database_cannot_read_a_secret(done: list[Any], settings: Any) -> None:
    note_secret.enqueue("the code is 123456")
    [payload] = Job.objects.values_list("payload", flat=True)
    assert "123456" not in payload
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert run_jobs(QUEUE) == ["done"]
    assert done == ["the code is 123456"]


def test_under_another_key_a_secret_job_fails(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    note_secret.enqueue("the code is 123456")
    settings.SECRET_KEY = "another" * 10
    assert run_jobs(QUEUE) == ["failed"]
    assert Job.objects.get().error == "SECRET_KEY has changed"
    assert "SECRET_KEY has changed" in caplog.text


@pytest.mark.parametrize("attempt", range(20))
def test_of_many_with_one_key_one_is_stored(attempt: int, done: list[Any]) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [pool.submit(note.using(key="once").enqueue, number) for number in range(8)]
    assert len({future.result().id for future in made}) == 1
    assert run_jobs(QUEUE) == ["done"]
    assert len(done) == 1


def test_keys_of_two_tasks_are_two() -> None:
    note.using(key="once").enqueue(1)
    note_on_loop.using(key="once").enqueue(1)
    assert Job.objects.count() == 2


def test_a_key_is_free_again_when_its_job_ended(done: list[Any]) -> None:
    note.using(key="again").enqueue(1)
    run_jobs(QUEUE)
    fail.using(key="again").enqueue("never")
    run_jobs(QUEUE)
    assert Job.objects.get().state == State.FAILED
    note.using(key="again").enqueue(2)
    fail.using(key="again").enqueue("never")
    assert run_jobs(QUEUE) == ["done", "failed"]
    assert done == [1, "never", 2, "never"]


def test_it_waits_for_its_time(clock: Any, done: list[Any]) -> None:
    note.using(run_after=datetime.now(UTC) + timedelta(seconds=60)).enqueue("later")
    clock.shift(timedelta(milliseconds=59_999))
    assert run_jobs(QUEUE) == []
    clock.shift(timedelta(milliseconds=1))
    assert run_jobs(QUEUE) == ["done"]


def test_too_late_is_given_up(
    clock: Any, done: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    note.using(not_after=now_ms() + 1_000).enqueue("a code")
    clock.shift(timedelta(seconds=1))
    assert run_jobs(QUEUE) == ["expired"]
    assert (done, Job.objects.count()) == ([], 0)
    assert "came too late" in caplog.text


def test_a_result_can_be_had(done: list[Any]) -> None:
    identity = count_up.enqueue(4).id
    run_jobs(QUEUE)
    result = count_up.get_result(identity)
    assert (result.status, result.return_value) == (TaskResultStatus.SUCCESSFUL, 4)
    with pytest.raises(TaskResultDoesNotExist):
        count_up.get_result("0" * 24)
