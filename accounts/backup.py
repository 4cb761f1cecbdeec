"""How accounts are backed up: no user has a picture that is missing from the backup."""

from collections.abc import AsyncIterator, Mapping

from accounts.models import Avatar, User
from imsystem.backup.plan import Plain, Reader
from imsystem.mongo.clients import Document

PICTURES, USERS = Avatar._meta.db_table, User._meta.db_table


def readers() -> Mapping[str, Reader]:
    """Returns the readers of one backup; users are read last, because everything refers to them."""
    pictures = _Pictures()
    return {PICTURES: pictures, USERS: _Users(pictures.written)}


class _Pictures(Plain):
    def __init__(self) -> None:
        super().__init__(PICTURES)
        self.written: set[str] = set()

    def note(self, document: Document) -> None:
        self.written.add(document["_id"])


class _Users(Plain):
    """A user who has changed the picture since the pictures were read gets a letter instead."""

    def __init__(self, pictures: set[str]) -> None:
        super().__init__(USERS)
        self._pictures = pictures

    async def read(self, last: Document | None) -> AsyncIterator[list[Document]]:
        async for batch in super().read(last):
            for user in batch:
                if user["avatar"] not in self._pictures:
                    user["avatar"] = ""
            yield batch
