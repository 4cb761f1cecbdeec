"""Kinds of work that exist in tests only."""

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any

from imsystem.jobs.tasks import GiveUp, JobContext, Queue, TryLater, job

PLAIN = Queue("test-plain", at_once=4)
NARROW = Queue("test-narrow", at_once=2)
KEPT = Queue("test-kept", at_once=1, in_backup=True)

done: list[Any] = []
# What `fail` raises, by the name in its argument.
FAILURES = {
    "later": TryLater("451 4.7.1"),
    "never": GiveUp("550 5.1.1"),
    "bug": KeyError("alice@example.org"),
}
hold = threading.Event()


@job(queue=PLAIN)
def note(value: Any) -> None:
    done.append(value)


@job(queue=PLAIN)
async def note_on_loop(value: Any) -> None:
    await asyncio.sleep(0)
    done.append(value)


@job(queue=PLAIN, secret=True)
def note_secret(value: str) -> None:
    done.append(value)


@job(queue=PLAIN, tries=3)
def fail(how: str) -> None:
    done.append(how)
    raise FAILURES[how]


@job(queue=PLAIN, longest_run_s=1, tries=1)
async def sleep_for_ever() -> None:
    await asyncio.sleep(3_600)


@job(queue=PLAIN, takes_context=True, keep_done_s=60)
def count_up(context: JobContext, parts: int) -> int:
    for part in range(parts):
        context.report((part + 1) / parts, "counting")
    return parts


@job(queue=PLAIN, takes_context=True)
async def long_work(context: JobContext) -> None:
    context.report(0.5, "half")
    await asyncio.sleep(30)
    done.append("not interrupted")


@job(queue=NARROW)
def wait_for_test(name: str) -> None:
    hold.wait(10)
    done.append(name)


@job(queue=KEPT)
def scheduled(text: str) -> None:
    done.append(text)


@job(queue=PLAIN)
def append_line(path: str, line: str, seconds: float) -> None:
    """For tests with processes: says that it began, works, and says that it ended."""
    with Path(path).open("a", encoding="ascii") as file:
        file.write(f"begin {line} {os.getpid()}\n")
    time.sleep(seconds)
    with Path(path).open("a", encoding="ascii") as file:
        file.write(f"end {line} {os.getpid()}\n")
