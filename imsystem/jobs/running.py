"""One run of one job that is ours: from its payload to its end in the database."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from imsystem.clock import now_ms
from imsystem.encryption import DecryptionError
from imsystem.jobs import metrics, store
from imsystem.jobs.payloads import unpack
from imsystem.jobs.tasks import GiveUp, JobContext, JobTask, TryLater, tasks
from imsystem.mongo.clients import Document
from imsystem.outage import is_outage

logger = logging.getLogger(__name__)

# A running job is renewed, and its progress stored, this often. Staff who cancel wait as long.
BEAT_S = 2.0
# The end of a run is stored again after a failure: a lost "done" would mean a second run.
SETTLE_AGAIN_S = (0.2, 1.0, 3.0)


class _Lost(Exception):
    """The job is not ours any more."""


async def run(job: Document, pool: ThreadPoolExecutor) -> str:
    """Runs a claimed job and returns how that ended (metrics.ended has the words)."""
    started = time.perf_counter()
    outcome = await _outcome(job, pool)
    metrics.ended.labels(job["queue"], outcome).inc()
    metrics.seconds.labels(job["queue"]).observe(time.perf_counter() - started)
    return outcome


async def _outcome(job: Document, pool: ThreadPoolExecutor) -> str:
    if job["not_after"] is not None and job["not_after"] <= now_ms():
        logger.error("a job of the queue %s came too late", job["queue"])
        return await _settled("expired", partial(store.remove, job))
    task = tasks.get(job["task"])
    if task is None:  # of a newer version, while an older one still runs beside it
        until = now_ms() + store.LEASE_MS
        return await _settled("retry", partial(store.put_off, job, until, "unknown task"))
    if 0 < task.tries < job["tries"]:
        return await _fail(job, "its process died in each try")
    try:
        args, kwargs = unpack(job["payload"], secret=job["secret"])
    except DecryptionError:
        return await _fail(job, "SECRET_KEY has changed")
    return await _attempt(job, task, pool, args, kwargs)


async def _attempt(
    job: Document, task: JobTask[Any, Any], pool: ThreadPoolExecutor, args: Any, kwargs: Any
) -> str:
    try:
        result = await _supervised(job, task, pool, args, kwargs)
    except _Lost:
        return "lost"
    except GiveUp as exc:
        return await _fail(job, exc.reason)
    except asyncio.CancelledError:
        if iscoroutinefunction(task.func):  # a thread goes on, so its lease must run out
            await store.put_off(job, now_ms())
        raise
    except Exception as exc:
        return await _try_later(job, task, exc)
    keep_ms = task.keep_done_s * 1_000
    kept = json.dumps(result) if keep_ms and result is not None else ""
    return await _settled("done", partial(store.complete, job, keep_ms=keep_ms, result=kept))


async def _supervised(
    job: Document, task: JobTask[Any, Any], pool: ThreadPoolExecutor, args: Any, kwargs: Any
) -> Any:
    """Returns the task's result. Raises what the task raises, _Lost, or TimeoutError."""
    unread: Any = None  # the stored job: a read that no task has needed so far
    context = JobContext(task_result=unread)
    if task.takes_context:
        args = [context, *args]
    if iscoroutinefunction(task.func):
        work: asyncio.Future[Any] = asyncio.ensure_future(task.func(*args, **kwargs))
    else:
        call = partial(task.func, *args, **kwargs)
        work = asyncio.get_running_loop().run_in_executor(pool, call)
    beats = asyncio.ensure_future(_beat(job, context))
    try:
        both = {work, beats}
        await asyncio.wait(both, timeout=task.longest_run_s, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise _Lost if beats.done() else TimeoutError
    finally:
        context.notes["cancelled"] = True
        beats.cancel()
        work.cancel()


async def _beat(job: Document, context: JobContext) -> None:
    """Keeps the job ours, and returns when it no longer is."""
    while True:
        await asyncio.sleep(BEAT_S)
        fields: dict[str, Any] = {}
        if "progress" in context.notes:
            fields["progress"], fields["progress_text"] = context.notes["progress"]
        try:
            if not await store.renew(job, **fields):
                return
        except Exception as exc:
            if not is_outage(exc):
                raise


async def _try_later(job: Document, task: JobTask[Any, Any], exc: Exception) -> str:
    # Only the class: the text of an exception may hold addresses or what a user wrote.
    reason = exc.reason if isinstance(exc, TryLater) else type(exc).__name__
    if task.is_last_try(job["tries"]):
        return await _fail(job, reason)
    if isinstance(exc, TryLater) or is_outage(exc):
        logger.warning("a job of %s, try %d: %s", job["queue"], job["tries"], reason)
    else:
        logger.warning("a job of %s, try %d: %s in %s", *_place(job, reason, exc))
    until = now_ms() + task.retry_after_ms(job["tries"])
    return await _settled("retry", partial(store.put_off, job, until, reason))


def _place(job: Document, reason: str, exc: BaseException) -> tuple[str, int, str, str]:
    """Returns where an unexpected error was raised: enough to find it, without the values."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code if trace is not None else None
    where = f"{code.co_filename}:{trace.tb_lineno}" if code is not None and trace else "?"
    return job["queue"], job["tries"], reason, where


async def _fail(job: Document, reason: str) -> str:
    logger.error("a job of %s failed for good: %s", job["queue"], reason)
    return await _settled("failed", partial(store.fail, job, reason))


async def _settled(outcome: str, change: Callable[[], Awaitable[object]]) -> str:
    """Stores how a run ended, and tries again while the database is down. When that fails, too, the
    lease expires and the job runs once more: at least once."""
    for wait in SETTLE_AGAIN_S:
        try:
            await change()
        except Exception as exc:
            if not is_outage(exc):
                raise
            await asyncio.sleep(wait)
        else:
            break
    return outcome
