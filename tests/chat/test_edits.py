"""Earlier texts: what edits and recalls leave, for how long, and with what they are deleted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import User
from accounts.services import delete_account
from chat.edits import (
    DAY_MS,
    erase_edits,
    expire_recalled,
    expire_recalled_now,
    exported_edits,
)
from chat.models import Edit, Message
from chat.services import edit_message, recall_message, send_message
from imsystem.clock import now_ms
from imsystem.mongo.clients import collection
from imsystem.threads import run_in_thread
from tests.conftest import Cast

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


async def said(cast: Cast, data: str = "first", user: User | None = None) -> str:
    sent = await send_message(
        user_identity=(user or cast.member).pk,
        room_identity=cast.room.pk,
        client_id=f"c-{data.replace(' ', '-')}",
        data=data,
    )
    return sent.message["identity"]


async def edit(cast: Cast, identity: str, data: str) -> None:
    await edit_message(user_identity=cast.member.pk, message_identity=identity, data=data)


async def recall(cast: Cast, identity: str, user: User | None = None) -> None:
    await recall_message(user_identity=(user or cast.member).pk, message_identity=identity)


async def kept() -> list[dict[str, Any]]:
    found = await collection("message_edit").find({}).to_list()
    return sorted(found, key=lambda row: int(row["revision"]))


async def test_an_edit_keeps_the_earlier_text(cast: Cast) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        identity = await said(cast)
        clock.shift(60)
        await edit(cast, identity, "second")
        clock.shift(60)
        await edit(cast, identity, "third")
    common = {
        "message_identity": identity,
        "room_identity": cast.room.pk,
        "user_identity": cast.member.pk,
        "seq": 1,
        "kind": "text",
        "changed_by": cast.member.pk,
        "recalled_at": None,
    }
    minute = timedelta(minutes=1)
    assert [{k: v for k, v in row.items() if k != "_id"} for row in await kept()] == [
        {
            **common,
            "revision": 0,
            "data": "first",
            "created_at": ms(NOON),
            "updated_at": ms(NOON + minute),
        },
        {
            **common,
            "revision": 1,
            "data": "second",
            "created_at": ms(NOON + minute),
            "updated_at": ms(NOON + 2 * minute),
        },
    ]


async def test_an_edit_that_changes_nothing_keeps_nothing(cast: Cast) -> None:
    await edit(cast, await said(cast), "first")
    assert await kept() == []


async def test_a_recall_keeps_nothing_by_default(cast: Cast) -> None:
    identity, other = await said(cast), await said(cast, "other")
    await edit(cast, identity, "second")
    await edit(cast, other, "other again")
    await recall(cast, identity)
    await recall(cast, await said(cast, "never edited"))
    assert [row["data"] for row in await kept()] == ["other"]


async def test_a_recall_keeps_its_text_for_the_time_that_is_set(cast: Cast, settings: Any) -> None:
    settings.KEEP_RECALLED_DAYS = 30
    with time_machine.travel(NOON, tick=False):
        identity = await said(cast)
        await edit(cast, identity, "second")
        await recall(cast, identity, cast.admin)
        await recall(cast, identity, cast.admin)  # changes nothing
    rows = [(row["data"], row["recalled_at"], row["changed_by"]) for row in await kept()]
    assert rows == [("first", ms(NOON), cast.member.pk), ("second", ms(NOON), cast.admin.pk)]
    assert (await run_in_thread(Message.objects.get)).data == ""
    assert await expire_recalled(ms(NOON) + 30 * DAY_MS - 1) == 0
    assert await expire_recalled(ms(NOON) + 30 * DAY_MS) == 2
    assert await kept() == []


async def test_a_shorter_time_holds_for_earlier_recalls(cast: Cast, settings: Any) -> None:
    settings.KEEP_RECALLED_DAYS = 30
    await recall(cast, await said(cast))
    assert await expire_recalled(now_ms()) == 0
    settings.KEEP_RECALLED_DAYS = 0
    assert await expire_recalled(now_ms() + 1) == 1


async def test_expiry_leaves_what_was_only_edited(cast: Cast) -> None:
    await edit(cast, await said(cast), "second")
    assert await expire_recalled(now_ms() + 10**12) == 0
    assert len(await kept()) == 1


async def test_the_chore_that_every_process_has(cast: Cast, settings: Any) -> None:
    settings.KEEP_RECALLED_DAYS = 30
    with time_machine.travel(NOON, tick=False) as clock:
        await recall(cast, await said(cast))
        assert await run_in_thread(expire_recalled_now) == 0
        clock.shift(30 * DAY_MS / 1000)
        assert await run_in_thread(expire_recalled_now) == 1


# --- whose they are -------------------------------------------------------------------------


async def test_a_deleted_account_takes_its_edits_along_but_not_the_evidence(
    cast: Cast, settings: Any
) -> None:
    settings.KEEP_RECALLED_DAYS = 30
    await edit(cast, await said(cast), "second")
    await recall(cast, await said(cast, "taken back"))
    other = await said(cast, "of the owner", cast.owner)
    await edit_message(user_identity=cast.owner.pk, message_identity=other, data="changed")
    await run_in_thread(lambda: delete_account(user=cast.member))
    assert {row["data"] for row in await kept()} == {"taken back", "of the owner"}
    await run_in_thread(erase_edits, cast.member)  # again: it may be repeated after an interruption
    assert len(await kept()) == 2


async def test_the_export_has_ones_own_earlier_texts(cast: Cast) -> None:
    identity = await said(cast)
    await edit(cast, identity, "second")
    other = await said(cast, "of the owner", cast.owner)
    await edit_message(user_identity=cast.owner.pk, message_identity=other, data="changed")
    (row,) = [each async for each in exported_edits(cast.member)]
    stored = await run_in_thread(lambda: Edit.objects.get(user_identity=cast.member.pk))
    assert row == {
        "message_identity": identity,
        "room_identity": cast.room.pk,
        "seq": 1,
        "revision": 0,
        "kind": "text",
        "data": "first",
        "created_at": stored.created_at,
        "replaced_at": stored.updated_at,
        "recalled_at": None,
    }


@pytest.mark.parametrize("name", ["edits_of_message", "edits_of_user", "edits_to_expire"])
async def test_its_indexes_are_there(name: str) -> None:
    assert name in await collection("message_edit").index_information()
