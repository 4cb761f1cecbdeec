"""Edits and recalls of one room at the same moment: each takes a revision of its own."""

import asyncio
from typing import Any

from chat import services
from chat.selectors import message_document
from imsystem.mongo.clients import collection
from tests.conftest import Cast

AT_ONCE = 12


async def _said(cast: Cast, count: int) -> list[str]:
    fields: dict[str, Any] = {"room_identity": cast.room.pk, "user_identity": cast.owner.pk}
    sent = [
        services.send_message(**fields, client_id=f"c{number}", data=f"text {number}")
        for number in range(count)
    ]
    return [stored.message["identity"] for stored in await asyncio.gather(*sent)]


async def _revision(cast: Cast) -> int:
    room = await collection("room_basic").find_one({"_id": cast.room.pk})
    assert room is not None
    return int(room["revision"])


async def test_different_messages(cast: Cast) -> None:
    identities = await _said(cast, AT_ONCE)
    edits = [
        services.edit_message(user_identity=cast.owner.pk, message_identity=each, data="changed")
        for each in identities
    ]
    changed = await asyncio.gather(*edits)
    assert sorted(message["revision"] for message in changed) == [*range(1, AT_ONCE + 1)]
    assert await _revision(cast) == AT_ONCE
    for message in changed:
        assert (await message_document(message["identity"]))["revision"] == message["revision"]


async def test_the_same_message(cast: Cast) -> None:
    """The last to come wins; nobody's change is half done, and none is told of twice."""
    (identity,) = await _said(cast, 1)
    edits = [
        services.edit_message(
            user_identity=cast.owner.pk, message_identity=identity, data=f"version {number}"
        )
        for number in range(AT_ONCE)
    ]
    changed = sorted(await asyncio.gather(*edits), key=lambda message: message["revision"])
    assert [message["revision"] for message in changed] == [*range(1, AT_ONCE + 1)]
    stored = await message_document(identity)
    assert (stored["data"], stored["revision"]) == (changed[-1]["data"], AT_ONCE)


async def test_an_edit_does_not_bring_a_recalled_text_back(cast: Cast) -> None:
    for round_ in range(5):
        identity = (await _said_in(cast, f"r{round_}"))["identity"]
        fields = {"user_identity": cast.owner.pk, "message_identity": identity}
        await asyncio.gather(
            services.edit_message(**fields, data="late"),
            services.recall_message(**fields),
            return_exceptions=True,
        )
        assert (await message_document(identity))["data"] == ""


async def _said_in(cast: Cast, client_id: str) -> dict[str, Any]:
    fields = {"room_identity": cast.room.pk, "user_identity": cast.owner.pk}
    stored = await services.send_message(**fields, client_id=client_id, data="text")
    return dict(stored.message)
