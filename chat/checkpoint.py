"""Writes how far each room has got, a little behind (rooms/checkpoints.py).

Only a starting point for the search of the real head (sequence.stored_head): a crash loses
nothing but a little of that search's time. Writing it with each message would double the writes.
"""

import asyncio
import logging
from itertools import islice

from chat.journal import current_journal
from imsystem.loops import PerLoop, background
from rooms.checkpoints import move_checkpoints

logger = logging.getLogger(__name__)

INTERVAL_S = 1.0
# A few at a time, for messages wait meanwhile: 200 at once stopped SecantusDB for 100 ms.
FEW = 10
# Of many rooms, as many as it takes to come round to each in so many seconds.
ROUND_S = 60


class Checkpoints:
    """The rooms of one process that are ahead of their checkpoint, the longest behind first."""

    def __init__(self) -> None:
        self._ahead: dict[str, int] = {}

    async def write_some(self) -> None:
        """Writes a share of the rooms that have advanced. Those of a failed write stay in line."""
        journal = current_journal()
        advanced, journal.advanced = journal.advanced, {}
        self._ahead.update(advanced)  # whoever is in line keeps its place
        count = max(FEW, len(self._ahead) // ROUND_S)
        some = dict(islice(self._ahead.items(), count))
        if not some:
            return
        await move_checkpoints(some)
        for room in some:
            del self._ahead[room]


async def _write_for_ever() -> None:
    checkpoints = Checkpoints()
    while True:
        await asyncio.sleep(INTERVAL_S)
        try:
            await checkpoints.write_some()
        except Exception as exc:
            logger.warning("checkpoints were not written: %r", exc)


def _start() -> "asyncio.Task[None]":
    return background(_write_for_ever())


start_checkpoints = PerLoop(_start)
