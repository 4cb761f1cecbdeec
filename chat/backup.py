"""How a running system's rooms and messages are backed up, so that every room comes out whole.

Room by room and in order of seq: of each room the backup has the messages 1 to n without a gap, n
being at least what was acknowledged when it began. Rooms and members are read after the messages
and speak of nothing beyond n; a message that was changed meanwhile may be there as it was before,
but the room's revision is never behind.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from chat.gaps import SETTLE_MS, seal
from chat.models import Edit, Message
from chat.selectors import message_at
from chat.sequence import WINDOW
from imsystem.backup.lines import CODEC
from imsystem.backup.plan import Plain, Reader
from imsystem.mongo.clients import Document, collection_of
from rooms.backup import room_readers
from rooms.checkpoints import all_checkpoints

POLL_S = 0.1
MESSAGES, EDITS = Message._meta.db_table, Edit._meta.db_table


def readers() -> Mapping[str, Reader]:
    """Returns the readers of one backup; they know from each other what has been written."""
    messages = _Messages()
    return {
        MESSAGES: messages,
        EDITS: _Edits(messages.heads),
        **room_readers(messages.heads, [MESSAGES], message_at),
    }


class _Messages:
    """Every room that has messages, also those that were deleted since."""

    after: Sequence[str] = ()
    resumes = True

    def __init__(self) -> None:
        self.heads: dict[str, int] = {}  # room -> the last seq written; 150 bytes for each room

    def note(self, document: Document) -> None:
        self.heads[document["room_identity"]] = document["seq"]

    async def read(self, last: Document | None) -> AsyncIterator[list[Document]]:
        checkpoints = await all_checkpoints()
        first = last["room_identity"] if last else ""
        for room, checkpoint in sorted(checkpoints.items()):
            if room >= first:
                async for batch in self._room(room, checkpoint):
                    yield batch

    async def _room(self, room: str, checkpoint: int) -> AsyncIterator[list[Document]]:
        """Its messages behind those that are written, up to the newest. The search for the newest
        is that of sequence.stored_head: it looks WINDOW numbers ahead."""
        head = self.heads.get(room, 0)
        while True:
            upper = head + 2 * WINDOW
            messages = await _whole_range(room, head, upper, checkpoint)
            if messages:
                yield messages
                head = messages[-1]["seq"]
            if upper - head >= WINDOW:
                return


async def _whole_range(room: str, lower: int, upper: int, checkpoint: int) -> list[Document]:
    """The messages of (lower, upper] without a gap, up to the newest of them or the checkpoint.

    A number that is missing is given the time a sender may still need, and sealed then: that is
    what a reader of the history would do (chat/gaps.py).
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + SETTLE_MS / 1000
    while True:
        messages = await _range(room, lower, upper)
        end = max([min(checkpoint, upper), *(message["seq"] for message in messages)])
        missing = set(range(lower + 1, end + 1)) - {message["seq"] for message in messages}
        if not missing:
            return messages
        if clock() > deadline:
            await seal([(room, seq) for seq in sorted(missing)])
        else:
            await asyncio.sleep(POLL_S)


async def _range(room: str, lower: int, upper: int) -> list[Document]:
    messages = collection_of(Message).with_options(codec_options=CODEC)
    found = messages.find({"room_identity": room, "seq": {"$gt": lower, "$lte": upper}})
    return await found.sort("seq", 1).to_list()


class _Edits(Plain):
    """The earlier texts of the messages that were written.

    They are read after the messages: a text that is removed with a recall in between must not come
    back with a restore.
    """

    def __init__(self, heads: Mapping[str, int]) -> None:
        super().__init__(EDITS, after=[MESSAGES])
        self._heads = heads

    async def read(self, last: Document | None) -> AsyncIterator[list[Document]]:
        async for batch in super().read(last):
            yield [
                edit for edit in batch if edit["seq"] <= self._heads.get(edit["room_identity"], 0)
            ]
