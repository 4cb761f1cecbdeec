"""Which jobs a backup has: waiting ones of queues that say so, as if nobody had begun them."""

from collections.abc import AsyncIterator

from imsystem.backup.plan import Plain
from imsystem.jobs.models import Job, State
from imsystem.jobs.tasks import queues
from imsystem.mongo.clients import Document


class JobReader(Plain):
    """Scheduled messages must be sent after a restore; a code mailed last month must not."""

    def __init__(self) -> None:
        super().__init__(Job._meta.db_table)

    async def read(self, last: Document | None) -> AsyncIterator[list[Document]]:
        async for batch in super().read(last):
            if kept := [_fresh(job) for job in batch if _is_kept(job)]:
                yield kept


def _is_kept(job: Document) -> bool:
    queue = queues.get(job["queue"])
    return queue is not None and queue.in_backup and job["state"] == State.ACTIVE.value


def _fresh(job: Document) -> Document:
    return {**job, "due_at": job["run_after"], "claim": "", "tries": 0}
