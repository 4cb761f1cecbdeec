"""Progress for the owner, cancelling, running again."""

from datetime import timedelta
from typing import Any

import pytest

from imsystem.clock import now_ms
from imsystem.errors import NotFound
from imsystem.jobs import services
from imsystem.jobs.models import Job, State
from tests.imsystem.jobs.kinds import fail, note
from tests.jobs import run_jobs

OWNER, STRANGER = "a" * 24, "b" * 24
QUEUE = "test-plain"


def test_only_the_owner_sees_progress() -> None:
    identity = note.using(owner=OWNER).enqueue(1).id
    assert services.progress(identity=identity, user_identity=OWNER) == ("active", 0.0, "")
    for other in (STRANGER, ""):
        with pytest.raises(NotFound):
            services.progress(identity=identity, user_identity=other)


def test_work_of_the_system_is_nobodys() -> None:
    identity = note.enqueue(1).id
    with pytest.raises(NotFound):
        services.progress(identity=identity, user_identity="")


def test_what_is_cancelled_does_not_run(done: list[Any]) -> None:
    identity = note.enqueue(1).id
    assert services.cancel(identity=identity)
    assert run_jobs(QUEUE) == []
    assert not services.cancel(identity=identity)
    assert services.run_again(identity=identity)
    assert run_jobs(QUEUE) == ["done"]


def test_what_failed_runs_again_with_all_tries(clock: Any, done: list[Any]) -> None:
    identity = fail.enqueue("never").id
    run_jobs(QUEUE)
    assert services.run_again(identity=identity)
    job = Job.objects.get()
    assert (job.state, job.tries, job.error, job.due_at) == (State.ACTIVE, 0, "", now_ms())
    assert not services.run_again(identity=identity)
    assert run_jobs(QUEUE) == ["failed"]


def test_what_is_of_no_use_any_more_is_not_run_again(clock: Any, done: list[Any]) -> None:
    identity = fail.using(not_after=now_ms() + 1_000).enqueue("never").id
    run_jobs(QUEUE)
    clock.shift(timedelta(seconds=1))
    assert not services.run_again(identity=identity)
    assert Job.objects.get().state == State.FAILED
