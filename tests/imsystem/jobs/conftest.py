"""What tests of jobs share."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from imsystem.jobs.runner import start_runner
from tests.imsystem.jobs import kinds


@pytest.fixture(autouse=True)
async def _nobody_else_runs_jobs() -> None:
    """Ends the runner that a test of the ASGI application started: it would take these jobs."""
    start_runner._latest = None
    runner = start_runner._values.pop(asyncio.get_running_loop(), None)
    if runner is not None:
        await runner.stop()


@pytest.fixture
def done() -> Iterator[list[Any]]:
    """What the tasks of tests noted."""
    kinds.done.clear()
    kinds.hold.clear()
    yield kinds.done
    kinds.hold.set()


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        yield clock
