"""What a kind of work is: a function with a queue, a retry policy and a deadline.

    EXPORTS = Queue("exports", at_once=1)

    @job(queue=EXPORTS, takes_context=True, keep_done_s=86_400)
    def export_room(context: JobContext, room: str) -> str: ...

    export_room.using(owner=user.pk, key=f"export {room.pk}").enqueue(room.pk)

The API is Django's (`django_tasks`, from Django 6.0 on `django.tasks`). What we add to it are the
options of JobTask and the exception GiveUp.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ParamSpec, Self, TypeVar

from django_tasks.base import Task, TaskContext
from django_tasks.base import task as django_task

P = ParamSpec("P")
T = TypeVar("T")


class _Failure(Exception):
    """`reason` is shown to staff and logged, so it must hold no secret and no text of a user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason[:200]


class GiveUp(_Failure):
    """Raised by a task: another try would end the same way."""


class TryLater(_Failure):
    """Raised by a task for a failure that may pass; logged as one line, without a traceback."""


@dataclass(frozen=True)
class Queue:
    """Jobs that share `at_once` places in each process. A dead mail server blocks those of mail,
    and no others. `in_backup`: its waiting jobs are still useful after a restore."""

    name: str
    at_once: int
    in_backup: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTask(Task[P, T]):
    """A task and the options of one job of it (`using`)."""

    # 0: as often as it takes, until `not_after`.
    tries: int = 8
    first_retry_ms: int = 1_000
    longest_retry_ms: int = 60_000
    # A run that takes longer is given up by its process; another one may try.
    longest_run_s: int = 600
    secret: bool = False
    # How long a finished job stays, so that a page can show that it is done. 0: not at all.
    keep_done_s: int = 0
    not_after: int | None = None
    key: str | None = None
    owner: str = ""

    def using(
        self,
        *,
        priority: int | None = None,
        queue_name: str | None = None,
        run_after: datetime | None = None,
        backend: str | None = None,
        not_after: int | None = None,
        key: str | None = None,
        owner: str | None = None,
    ) -> Self:
        """Returns the task with options for one job.

        `not_after` (Unix ms): the job is of no use later. `key`: there is at most one unfinished
        job of this task with this key. `owner`: the user who may see its progress.
        """
        given = {
            **{"priority": priority, "queue_name": queue_name, "run_after": run_after},
            **{"backend": backend, "not_after": not_after, "key": key, "owner": owner},
        }
        changes: dict[str, Any] = {name: v for name, v in given.items() if v is not None}
        return replace(self, **changes)

    def retry_after_ms(self, tries: int) -> int:
        """Returns the wait after the given number of tries: doubled each time, up to a limit."""
        return int(min(self.first_retry_ms * 2 ** min(tries - 1, 30), self.longest_retry_ms))

    def is_last_try(self, tries: int) -> bool:
        return 0 < self.tries <= tries


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext(TaskContext):
    """What a running task knows about its job, and what it reports."""

    # Written by the task, read by the runner, which stores it with every beat (running.BEAT_S).
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def cancelled(self) -> bool:
        """True once the job was cancelled or given to another process. Long tasks check it."""
        return bool(self.notes.get("cancelled"))

    def report(self, fraction: float, text: str = "") -> None:
        """Reports progress from 0 to 1, and the key of the text that a page shows with it."""
        self.notes["progress"] = (min(1.0, max(0.0, fraction)), text[:64])


queues: dict[str, Queue] = {}
tasks: dict[str, JobTask[Any, Any]] = {}


def job(
    *, queue: Queue, takes_context: bool = False, **options: Any
) -> Callable[[Callable[..., T]], JobTask[..., T]]:
    """Makes a task of a function at module level. A plain function runs in a thread of its queue, a
    coroutine function on the event loop."""

    def declare(function: Callable[..., T]) -> JobTask[..., T]:
        made: Any = django_task(queue_name=queue.name, takes_context=takes_context, **options)
        declared: JobTask[..., T] = made(function)
        queues[queue.name] = queue
        tasks[declared.module_path] = declared
        return declared

    return declare
