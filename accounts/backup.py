"""How accounts are backed up: nobody has a picture that is not in the backup."""

from collections.abc import AsyncIterator, Mapping

from imsystem.backup.plan import Plain, Reader
from imsystem.mongo.clients import Document

PICTURES, USERS = "avatar", "user_basic"


def readers() -> Mapping[str, Reader]:
    """The readers of one backup; users are read last, for everything refers to them."""
    pictures = _Pictures()
    return {PICTURES: pictures, USERS: _Users(pictures.written)}


class _Pictures(Plain):
    def __init__(self) -> None:
        super().__init__(PICTURES)
        self.written: set[str] = set()

    def note(self, document: Document) -> None:
        self.written.add(document["_id"])


class _Users(Plain):
    """Who has changed the picture since the pictures were read gets a letter in its place."""

    def __init__(self, pictures: set[str]) -> None:
        super().__init__(USERS)
        self._pictures = pictures

    async def read(self, last: Document | None) -> AsyncIterator[list[Document]]:
        async for batch in super().read(last):
            for user in batch:
                if user["avatar"] not in self._pictures:
                    user["avatar"] = ""
            yield batch
