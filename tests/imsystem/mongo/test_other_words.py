"""A server with MongoDB's protocol, but with other words for duplicates and without labels, as
DocumentDB is: what is done at the same moment is done once, and nobody is told of an error."""

import asyncio
import json
import os
import re
import struct
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, OperationFailure

from chat import services
from imsystem.mongo.clients import Document, collection
from imsystem.mongo.retry import is_conflict, is_duplicate
from tests.conftest import Cast
from tests.faults.proxy import Proxy
from tests.written import written

# As long as what they stand for: lengths in the protocol stay true.
OTHER_WORDS = {
    b"E11000 duplicate key error": b"a unique index says: taken",
    b"TransientTransactionError": b"-------------------------",
}
Client = AsyncMongoClient[Document]
HEAD = struct.Struct("<i")


async def reworded(reader: asyncio.StreamReader) -> bytes:
    """Returns the next whole message of the server, in other words."""
    try:
        head = await reader.readexactly(HEAD.size)
        message = head + await reader.readexactly(HEAD.unpack(head)[0] - HEAD.size)
    except asyncio.IncompleteReadError:
        return b""
    for words, others in OTHER_WORDS.items():
        message = message.replace(words, others)
    return message


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """The URL of such a server: the tests' own behind a proxy."""
    port = urlsplit(settings.MONGODB_URL).port
    assert port is not None
    proxy = Proxy(port)
    proxy.down.read = reworded
    await proxy.start()
    yield re.sub(r"replicaSet=\w+", "directConnection=true", settings.MONGODB_URL).replace(
        f":{port}", f":{proxy.port}"
    )
    await proxy.stop()


async def meet(client: Client, rooms: AsyncCollection[Document], room: str) -> None:
    """Two transactions write to one document."""
    async with (
        client.start_session() as one,
        client.start_session() as other,
        await one.start_transaction(),
        await other.start_transaction(),
    ):
        for number, session in enumerate((one, other)):
            moved = {"$set": {"revision": 100 + number}}
            await rooms.update_one({"_id": room}, moved, session=session)


async def test_the_server_uses_other_words(cast: Cast, url: str) -> None:
    """Otherwise the tests below would show nothing."""
    async with Client(url, timeoutMS=5_000) as client:
        rooms = client[collection("room_basic").database.name]["room_basic"]
        with pytest.raises(BulkWriteError, match="a unique index says: taken") as refused:
            await rooms.insert_many([{"_id": cast.room.pk}])
        assert is_duplicate(refused.value)
        with pytest.raises(OperationFailure) as overtaken:
            await meet(client, rooms, cast.room.pk)
    assert not overtaken.value.has_error_label("TransientTransactionError")
    assert is_conflict(overtaken.value)


async def test_what_is_done_at_once_is_done_once(cast: Cast, url: str) -> None:
    sent = [
        await services.send_message(
            room_identity=cast.room.pk, user_identity=cast.owner.pk, client_id=f"c{n}", data="text"
        )
        for n in range(2)
    ]
    arguments = [
        *(cast.owner.pk, cast.member.pk, cast.outsider.pk, cast.room.number),
        *(stored.message["identity"] for stored in sent),
    ]
    written.note("message_edit")
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.imsystem.mongo.at_once", *map(str, arguments)),
            stdout=PIPE,
            env=os.environ
            | {"DJANGO_SETTINGS_MODULE": "imsystem.settings", "MONGODB_URL": url}
            | {"MONGODB_NAME": collection("room_basic").database.name},
        )
        for _ in range(2)
    ]
    for out, _err in await asyncio.gather(*(process.communicate() for process in processes)):
        assert json.loads(out) == {
            "joins": ["done"] * 8,
            "opens": ["done"] * 8,
            "edits": ["done"] * 16,
        }
    members = collection("user_room")
    assert await members.count_documents({"user_identity": cast.outsider.pk}) == 2
    assert await collection("room_basic").count_documents({"kind": "direct"}) == 1
    room = await collection("room_basic").find_one({"_id": cast.room.pk})
    assert room is not None
    assert room["revision"] == 32
