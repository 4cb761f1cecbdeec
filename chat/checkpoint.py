"""Writes how far each room has got into room_basic, a few seconds behind.

Only a starting point for the search of the real head (sequence.stored_head): a crash loses
nothing but a little of that search's time. Writing it with each message would double the writes.
"""

import asyncio
import logging

from pymongo import UpdateOne

from chat.journal import current_journal
from imsystem.loops import PerLoop
from imsystem.mongo.clients import collection

logger = logging.getLogger(__name__)

INTERVAL_S = 5.0
MAX_AT_ONCE = 500


async def write_checkpoints() -> None:
    """Writes the rooms that have advanced since the last call."""
    journal = current_journal()
    advanced, journal.advanced = journal.advanced, {}
    updates = [
        UpdateOne({"_id": room}, {"$max": {"last_seq": seq}}) for room, seq in advanced.items()
    ]
    for start in range(0, len(updates), MAX_AT_ONCE):
        await collection("room_basic").bulk_write(
            updates[start : start + MAX_AT_ONCE], ordered=False
        )


async def _write_for_ever() -> None:
    while True:
        await asyncio.sleep(INTERVAL_S)
        try:
            await write_checkpoints()
        except Exception as exc:  # the next message of the room writes it again
            logger.warning("checkpoints were not written: %r", exc)


def _start() -> "asyncio.Task[None]":
    return asyncio.get_running_loop().create_task(_write_for_ever())


start_checkpoints = PerLoop(_start)
