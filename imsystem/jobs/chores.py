"""Small regular work of every process, which needs no queue."""

import asyncio
import logging
from collections.abc import Callable

from imsystem.loops import background
from imsystem.outage import is_outage

logger = logging.getLogger(__name__)

Chore = Callable[[], object]

EVERY_S = 60.0

_chores: dict[Chore, float] = {}
_soon: set["asyncio.Task[None]"] = set()


def provide_chore(chore: Chore, *, every_s: float = EVERY_S) -> None:
    """Registers `chore`, which every process calls in a thread, at its start and then every so many
    seconds. Called in AppConfig.ready()."""
    _chores[chore] = every_s


def start_chores() -> "list[asyncio.Task[None]]":
    """Starts one task on the running loop for each chore."""
    return [background(_repeat(chore, every_s)) for chore, every_s in _chores.items()]


def run_soon(chore: Chore) -> None:
    """Runs a chore once, now. Called on the loop."""
    task = background(_run(chore))
    _soon.add(task)
    task.add_done_callback(_soon.discard)


async def _repeat(chore: Chore, every_s: float) -> None:
    while True:
        await _run(chore)
        await asyncio.sleep(every_s)


async def _run(chore: Chore) -> None:
    try:
        await asyncio.get_running_loop().run_in_executor(None, chore)
    except Exception as exc:
        if not is_outage(exc):
            logger.exception("a chore failed")
