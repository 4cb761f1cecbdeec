"""Runs due jobs in a test, without a server."""

import asyncio

from imsystem import loops
from imsystem.jobs.runner import run_due


def run_jobs(queue: str) -> list[str]:
    """How each due job of the queue ended. They run on the loop in the background, which no test
    holds up, so that tests may call this on a loop of their own."""
    coroutine = run_due(queue)
    return asyncio.run_coroutine_threadsafe(coroutine, loops._background_loop()).result(30)
