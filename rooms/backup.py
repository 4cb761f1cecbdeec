"""How a running system's rooms and members are backed up.

They are read after the messages and speak of none that is not in the backup; `chat` says how far it
has the messages of each room (chat/backup.py).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from imsystem.backup.plan import Plain, Reader
from imsystem.mongo.clients import Document
from rooms.models import Ban, Departure, Member, Room

ROOMS, MEMBERS = Room._meta.db_table, Member._meta.db_table
BANS, DEPARTURES = Ban._meta.db_table, Departure._meta.db_table

# (room, seq) -> the identity of the message.
MessageAt = Callable[[str, int], Awaitable[str | None]]


def room_readers(
    heads: Mapping[str, int], messages: Sequence[str], message_at: MessageAt
) -> Mapping[str, Reader]:
    """Returns the readers of one backup.

    `heads` are the seqs up to which the backup has the messages of a room; `messages` names the
    collections that are read first.
    """
    rooms = _Rooms(heads, messages)
    return {
        ROOMS: rooms,
        MEMBERS: _Members(heads, rooms.written, message_at),
        # Both are written before the membership goes, so of a user who is gone they are there.
        BANS: Plain(BANS, after=[MEMBERS]),
        DEPARTURES: Plain(DEPARTURES, after=[MEMBERS]),
    }


class _Rooms(Plain):
    """With a checkpoint that is not ahead of the messages: the next number would leave a gap."""

    def __init__(self, heads: Mapping[str, int], messages: Sequence[str]) -> None:
        super().__init__(ROOMS, after=messages)
        self._heads = heads
        self.written: set[str] = set()

    def note(self, document: Document) -> None:
        self.written.add(document["_id"])

    async def read(self, last: Document | None) -> AsyncIterator[list[Document]]:
        async for batch in super().read(last):
            for room in batch:
                _at_most(room, "last_seq", self._heads.get(room["_id"], 0))
            yield batch


class _Members(Plain):
    """Members of the rooms that were written. A member who has read on since then counts as having
    read up to the last message: otherwise those to come would count as read."""

    def __init__(self, heads: Mapping[str, int], rooms: set[str], message_at: MessageAt) -> None:
        super().__init__(MEMBERS, after=[ROOMS])
        self._heads = heads
        self._rooms = rooms
        self._message_at = message_at

    async def read(self, last: Document | None) -> AsyncIterator[list[Document]]:
        async for batch in super().read(last):
            members = [member for member in batch if member["room_identity"] in self._rooms]
            for member in members:
                await self._limit(member)
            yield members

    async def _limit(self, member: Document) -> None:
        room = member["room_identity"]
        head = self._heads.get(room, 0)
        _at_most(member, "joined_seq", head)
        _at_most(member, "floor_seq", head)
        _at_most(member, "cleared_seq", head)
        if _at_most(member, "read_seq", head):
            member["message_identity"] = await self._message_at(room, head) or ""


def _at_most(document: Document, field: str, most: int) -> bool:
    """Lowers a number to `most`; True when it was higher."""
    if document[field] <= most:
        return False
    document[field] = most
    return True
