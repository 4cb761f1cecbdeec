"""Django's tasks API on the collection `job`. To use another queue, replace this one class."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, cast

from django_tasks.backends.base import BaseTaskBackend
from django_tasks.base import Task, TaskResult, TaskResultStatus
from django_tasks.exceptions import TaskResultDoesNotExist

from imsystem.clock import now_ms
from imsystem.ids import new_identity
from imsystem.jobs import runner, store
from imsystem.jobs.models import Job, State
from imsystem.jobs.payloads import pack, unpack
from imsystem.jobs.tasks import JobTask, tasks
from imsystem.mongo.clients import Document
from imsystem.threads import run_in_thread

_STATUS = {
    State.DONE.value: TaskResultStatus.SUCCESSFUL,
    State.FAILED.value: TaskResultStatus.FAILED,
    State.CANCELLED.value: TaskResultStatus.FAILED,
}


class MongoBackend(BaseTaskBackend):
    """Stores jobs; the runner of this process, or else of another one, takes them from there."""

    task_class = JobTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True

    def enqueue(self, task: Task[Any, Any], args: Any, kwargs: Any) -> TaskResult[Any]:
        """Stores a job and returns once it is on disk. Call it after a transaction, not inside.

        With a key, and an unfinished job that has it, nothing is stored.
        """
        self.validate_task(task)
        document = _document(cast("JobTask[Any, Any]", task), args, kwargs)
        has_key = cast("JobTask[Any, Any]", task).key is not None
        if store.insert(document, has_key=has_key) and document["due_at"] <= now_ms():
            runner.announce(document)
        return _result(task, document, args, kwargs)

    async def aenqueue(self, task: Task[Any, Any], args: Any, kwargs: Any) -> TaskResult[Any]:
        return await run_in_thread(self.enqueue, task, args, kwargs)

    def get_result(self, result_id: str) -> TaskResult[Any]:
        job: Any = Job.objects.filter(pk=result_id).values().first()
        if job is None or job["task"] not in tasks:
            raise TaskResultDoesNotExist(result_id)
        args, kwargs = unpack(job["payload"], secret=job["secret"])
        return _result(tasks[job["task"]], {**job, "_id": job["identity"]}, args, kwargs)


def _document(task: JobTask[Any, Any], args: Any, kwargs: Any) -> Document:
    now = now_ms()
    run_after = int(task.run_after.timestamp() * 1_000) if task.run_after else now
    identity = new_identity() if task.key is None else job_identity(task, task.key)
    return {
        "_id": identity,
        "created_at": now,
        "updated_at": now,
        "task": task.module_path,
        "queue": task.queue_name,
        "state": State.ACTIVE.value,
        "due_at": max(now, run_after),
        "run_after": run_after,
        "not_after": task.not_after,
        "tries": 0,
        "claim": "",
        "payload": pack(args, kwargs, secret=task.secret),
        "secret": task.secret,
        "owner": task.owner,
        "progress": 0.0,
        "progress_text": "",
        "result": "",
        "error": "",
    }


def job_identity(task: JobTask[Any, Any], key: str) -> str:
    """Returns the identity of the only job of a task with a key: the primary key makes it unique,
    and no second index has to be kept."""
    return hashlib.sha256(f"job\0{task.module_path}\0{key}".encode()).hexdigest()[:24]


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC)


def _result(task: Task[Any, Any], job: Document, args: Any, kwargs: Any) -> TaskResult[Any]:
    running = TaskResultStatus.RUNNING if job["claim"] else TaskResultStatus.READY
    tried = _time(job["updated_at"]) if job["tries"] else None
    made: TaskResult[Any] = TaskResult(
        task=task,
        id=job["_id"],
        status=_STATUS.get(job["state"], running),
        enqueued_at=_time(job["created_at"]),
        started_at=tried,
        finished_at=tried if job["state"] in _STATUS else None,
        last_attempted_at=tried,
        args=list(args),
        kwargs=dict(kwargs),
        backend=task.backend,
        errors=[],
        worker_ids=[job["claim"]] * job["tries"],
    )
    if job["result"]:
        object.__setattr__(made, "_return_value", json.loads(job["result"]))
    return made
