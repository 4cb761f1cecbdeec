"""What a backup has of jobs."""

from typing import Any

from imsystem.backup.plan import make_readers
from imsystem.jobs import store
from imsystem.jobs.models import Job
from imsystem.loops import run_on_loop
from tests.imsystem.jobs.kinds import note, scheduled


def read() -> list[dict[str, Any]]:
    async def collected() -> list[dict[str, Any]]:
        return [job async for batch in make_readers()["job"].read(None) for job in batch]

    return run_on_loop(collected())


def test_scheduled_jobs_are_in_it_as_if_nobody_had_begun_them() -> None:
    note.enqueue("a mail")
    identity = scheduled.enqueue("good morning").id
    fresh = Job.objects.get(pk=identity)

    async def claim() -> None:
        [job] = await store.due_between("test-kept", 0, fresh.due_at)
        assert await store.claim(job) is not None

    run_on_loop(claim())
    [kept] = read()
    assert (kept["_id"], kept["claim"], kept["tries"]) == (identity, "", 0)
    assert kept["due_at"] == fresh.run_after


def test_ended_ones_are_not() -> None:
    scheduled.enqueue("sent already")
    Job.objects.update(state="failed")
    assert read() == []
