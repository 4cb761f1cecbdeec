"""What is done to jobs in MongoDB: every change is a conditional update.

The embedded SecantusDB takes 40-300 ms for a find-and-modify, and a find costs as much as all the
documents in its range, whatever its limit (600: 61 ms, 10,000: 1.3 s). A claim is therefore a find
over a short range of `due_at` and an update by `_id` whose filter holds the old `due_at`.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from imsystem.clock import now_ms
from imsystem.ids import new_identity
from imsystem.jobs.models import Job, State
from imsystem.jobs.tasks import queues
from imsystem.mongo.clients import Document, collection_of

# How long a process has a job to itself before it must report that it is still working.
LEASE_MS = 60_000
DAY_MS = 86_400_000

_AT_REST = (State.DONE, State.FAILED, State.CANCELLED)


def insert(document: Document, *, has_key: bool) -> bool:
    """Stores a job. Returns False when an unfinished job has its key already."""
    jobs = _sync_collection()
    try:
        jobs.insert_one(document)
    except DuplicateKeyError:
        # Without a key it is the driver's own repetition of an insert that succeeded.
        if has_key:
            at_rest = {"_id": document["_id"], "state": {"$ne": State.ACTIVE.value}}
            return bool(jobs.replace_one(at_rest, document).modified_count)
    return True


def _due(queue: str, start: int, end: int) -> Document:
    span = {"$gte": start, "$lte": end}
    return {"state": State.ACTIVE.value, "queue": queue, "due_at": span}


async def due_between(queue: str, start: int, end: int, limit: int = 0) -> list[Document]:
    """Returns the active jobs of a queue that became due in [start, end]; `limit` (0: none) bounds
    the memory, not the time, that this takes."""
    return await collection_of(Job).find(_due(queue, start, end)).limit(limit).to_list()


async def waiting_since(queue: str, until: int) -> list[int]:
    """Returns `run_after` of all active jobs that are due at `until` at the latest."""
    found = collection_of(Job).find(_due(queue, 0, until), {"run_after": 1})
    return [job["run_after"] async for job in found]


async def claim(job: Document) -> Document | None:
    """Returns the job as ours for LEASE_MS; None when another process was faster."""
    now = now_ms()
    mine = {"due_at": now + LEASE_MS, "claim": new_identity(), "updated_at": now}
    unchanged = {"_id": job["_id"], "due_at": job["due_at"], "state": State.ACTIVE.value}
    change = {"$set": mine, "$inc": {"tries": 1}}
    if not (await collection_of(Job).update_one(unchanged, change)).modified_count:
        return None
    return {**job, **mine, "tries": job["tries"] + 1}


async def change_claimed(job: Document, **fields: Any) -> bool:
    """Changes a job that is ours. Returns False when it no longer is (cancelled, lease expired)."""
    ours = {"_id": job["_id"], "claim": job["claim"]}
    fields["updated_at"] = now_ms()
    return bool((await collection_of(Job).update_one(ours, {"$set": fields})).matched_count)


async def renew(job: Document, **progress: Any) -> bool:
    """Keeps a running job ours for another LEASE_MS."""
    return await change_claimed(job, due_at=now_ms() + LEASE_MS, **progress)


async def put_off(job: Document, until: int, error: str = "") -> bool:
    """Gives a job back, to be tried again at `until`."""
    return await change_claimed(job, due_at=until, claim="", error=error)


async def complete(job: Document, *, keep_ms: int, result: str) -> None:
    """Removes a job that succeeded, or keeps it for a while as done."""
    if keep_ms:
        ended = {"state": State.DONE.value, "due_at": now_ms() + keep_ms, "claim": ""}
        await change_claimed(job, **ended, progress=1.0, result=result, error="")
    else:
        await remove(job)


async def remove(job: Document) -> None:
    """Removes a job that is ours."""
    await collection_of(Job).delete_one({"_id": job["_id"], "claim": job["claim"]})


async def fail(job: Document, error: str) -> None:
    """Puts a job aside; it stays for JOBS_KEEP_DAYS, so that staff can run it again."""
    ended = {"state": State.FAILED.value, "due_at": removal_time(), "claim": ""}
    await change_claimed(job, **ended, error=error)


def _sync_collection() -> Collection[Document]:
    """The ORM's: majority and journal, as for all writes."""
    found: Collection[Document] = connection.get_collection(Job._meta.db_table)  # type: ignore[attr-defined]
    return found


def removal_time() -> int:
    """Returns when a job that fails or is cancelled now will be removed."""
    return now_ms() + int(settings.JOBS_KEEP_DAYS) * DAY_MS


def remove_expired(names: Sequence[str] = ()) -> int:
    """Removes jobs whose time after their end is over, and returns how many."""
    removed = 0
    for queue in names or list(queues):
        for state in _AT_REST:
            span = {"$gte": 0, "$lte": now_ms()}
            expired = {"state": state.value, "queue": queue, "due_at": span}
            removed += _sync_collection().delete_many(expired).deleted_count
    return removed
