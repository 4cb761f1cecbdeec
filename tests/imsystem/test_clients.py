"""The async client of the message path."""

import asyncio

from django.db import connections

from imsystem.mongo.clients import collection


async def test_asking_for_a_collection_makes_no_connection_of_the_orm_s() -> None:
    """Django makes one for each task that touches its own: 0.1 ms, and garbage."""

    async def asked() -> bool:
        assert collection("user_basic").database.name == "im_test"
        return hasattr(connections._connections, "default")  # type: ignore[attr-defined]

    assert not await asyncio.create_task(asked())
