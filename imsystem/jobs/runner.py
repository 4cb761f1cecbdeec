"""Runs due jobs inside this process: one lane for each queue, on the process's event loop.

A job that this process stored is handed to its lane at once (`announce`); what other processes
stored or left behind is found by looking every POLL_S.
"""

import asyncio
import logging
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from imsystem.clock import now_ms
from imsystem.jobs import metrics, store
from imsystem.jobs.chores import start_chores
from imsystem.jobs.running import run
from imsystem.jobs.tasks import Queue, queues
from imsystem.jobs.window import MANY, Window
from imsystem.loops import PerLoop, background, call_on_loop
from imsystem.mongo.clients import Document
from imsystem.outage import is_outage

logger = logging.getLogger(__name__)

POLL_S = 2.0
# Before a process ends, running jobs have so long to finish.
DRAIN_S = 3.0
# What is waiting is counted this often, and never for more than a fiftieth of the time.
COUNT_EVERY_S = 15.0
COUNT_SHARE = 50
# Jobs that are running or between two tries are due within this time.
SOON_MS = 120_000


class Lane:
    """The jobs of one queue in this process: at most `queue.at_once` run at a time."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.pool = ThreadPoolExecutor(queue.at_once, thread_name_prefix=f"job-{queue.name}")
        self.running: set[asyncio.Task[str]] = set()
        self._found: deque[Document] = deque()
        self._window = Window()
        self._wake = asyncio.Event()
        self._look_at = 0.0

    def offer(self, job: Document) -> None:
        """Takes a job that was just stored. With too many waiting it is found later, like
        others."""
        if len(self._found) < MANY:
            self._found.append(job)
        self._wake.set()

    async def work(self) -> None:
        """Runs what is due, for ever."""
        while True:
            try:
                await self._fill()
            except Exception as exc:
                if not is_outage(exc):
                    logger.exception("the queue %s failed", self.queue.name)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._wake.wait()
            self._wake.clear()

    async def _fill(self) -> None:
        while len(self.running) < self.queue.at_once:
            job = self._found.popleft() if self._found else await self._look()
            if job is None:
                return
            claimed = await store.claim(job)
            if claimed is not None:
                self._start(claimed)

    def _start(self, job: Document) -> None:
        task = background(run(job, self.pool))
        self.running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[str]") -> None:
        self.running.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            logger.error("a job of %s broke off", self.queue.name, exc_info=exc)
        self._wake.set()

    async def _look(self) -> Document | None:
        """Returns the next due job in the database, if it is time to look."""
        if time.monotonic() < self._look_at:
            return None
        again, jobs = True, []
        while again:
            now = now_ms()
            start, end = self._window.span(now)
            jobs = await store.due_between(self.queue.name, start, end, limit=MANY + 1)
            again = self._window.looked(len(jobs), end, now)
        self._found.extend(sorted(jobs, key=lambda job: int(job["due_at"])))
        if self._found:
            return self._found.popleft()
        self._look_at = time.monotonic() + POLL_S * 0.9
        return None


class Runner:
    """All lanes of a process, its chores and its count of what waits."""

    def __init__(self) -> None:
        self.lanes: dict[str, Lane] = {}
        self._background = [*start_chores(), background(_count_for_ever())]
        self._stopped = False
        self.open_lanes()

    def open_lanes(self) -> None:
        """Starts the lanes of queues that were declared since."""
        for queue in queues.values():
            if queue.name not in self.lanes and not self._stopped:
                lane = self.lanes[queue.name] = Lane(queue)
                self._background.append(background(lane.work()))

    async def stop(self) -> None:
        """Claims nothing more, and lets running jobs finish for DRAIN_S. Coroutines that have not
        are cancelled and given back; threads cannot be cancelled, so their leases run out."""
        self._stopped = True
        for each in self._background:
            each.cancel()
        running = [task for lane in self.lanes.values() for task in lane.running]
        if running:
            _ended, late = await asyncio.wait(running, timeout=DRAIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for lane in self.lanes.values():
            lane.pool.shutdown(wait=False, cancel_futures=True)


start_runner = PerLoop(Runner)


async def stop_runner() -> None:
    if (runner := start_runner.made()) is not None:
        await runner.stop()


def announce(job: Document) -> None:
    """Tells the runner of this process, if there is one, of a job that was stored as due."""
    call_on_loop(lambda: _offer(job))


def _offer(job: Document) -> None:
    if (runner := start_runner.made()) is not None:
        runner.open_lanes()
        if (lane := runner.lanes.get(job["queue"])) is not None:
            lane.offer(job)


async def run_due(queue: str) -> list[str]:
    """Runs what is due in a queue, one job after another, and returns how each ended. For tests,
    and for commands that do not want to wait for a server."""
    outcomes: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        while due := await store.due_between(queue, 0, now_ms()):
            for job in sorted(due, key=lambda job: int(job["due_at"])):
                if (claimed := await store.claim(job)) is not None:
                    outcomes.append(await run(claimed, pool))
    return outcomes


async def _count_for_ever() -> None:
    while True:
        started = time.monotonic()
        try:
            for queue in list(queues):
                await count_waiting(queue)
        except Exception as exc:
            if not is_outage(exc):
                logger.exception("jobs could not be counted")
        took = time.monotonic() - started
        await asyncio.sleep(max(COUNT_EVERY_S, took * COUNT_SHARE))


async def count_waiting(queue: str) -> None:
    """Sets the gauges of one queue."""
    now = now_ms()
    soon = await store.waiting_since(queue, now + SOON_MS)
    since = [run_after for run_after in soon if run_after <= now]
    metrics.waiting.labels(queue).set(len(since))
    metrics.oldest.labels(queue).set((now - min(since)) / 1_000 if since else 0)
