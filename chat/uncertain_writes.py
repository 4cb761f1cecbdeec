"""Messages whose insert failed: what became of them is found out as soon as MongoDB answers again.

Otherwise their numbers were holes that readers wait for (chat/gaps.py), and one that was stored
after all would be seen by nobody before the next message of its room.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from chat.gaps import seal
from chat.models import Message
from imsystem.loops import background
from imsystem.mongo.clients import Document, collection_of
from imsystem.outage import is_outage

logger = logging.getLogger(__name__)

RETRY_S = 0.5
AT_ONCE = 256
# In a long outage the oldest are left to the readers, who settle them too, only later.
MAX_KEPT = 10_000

# The identity, the room and the seq that a message was to have.
_End = tuple[str, str, int]


class UncertainWrites:
    """Those of one journal. `announce` is given the messages that turn out to be stored."""

    def __init__(self, announce: Callable[[Sequence[Document]], None]) -> None:
        self._announce = announce
        self._ends: list[_End] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, documents: Sequence[Document]) -> None:
        """Nobody knows whether these messages were stored. None of them was acknowledged."""
        self._ends += [(doc["_id"], doc["room_identity"], doc["seq"]) for doc in documents]
        del self._ends[:-MAX_KEPT]
        if self._ends and self._task is None:
            self._task = background(self._settle_all())

    async def _settle_all(self) -> None:
        try:
            while self._ends:
                await asyncio.sleep(RETRY_S)
                some, self._ends = self._ends[:AT_ONCE], self._ends[AT_ONCE:]
                try:
                    self._announce(await _settle(some))
                except Exception as exc:
                    if not is_outage(exc):
                        raise
                    self._ends = some + self._ends
        except Exception:  # the readers settle them (chat/gaps.py)
            logger.exception("numbers of failed messages could not be settled")
        finally:
            self._task = None


async def _settle(ends: Sequence[_End]) -> list[Document]:
    """Seals the numbers that have no message; returns the messages of the others.

    The unique index decides between the seal and an insert that is still on its way.
    """
    await seal([(room, seq) for _identity, room, seq in ends])
    identities = [identity for identity, _room, _seq in ends]
    found = collection_of(Message).find({"_id": {"$in": identities}})
    return sorted(await found.to_list(), key=lambda document: int(document["seq"]))
