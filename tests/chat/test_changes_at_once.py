"""Changes of one room at the same moment: each takes a revision of its own, and all are stored."""

import asyncio
import itertools
import os
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from typing import Any

import pytest

from chat import changes as changes_module
from chat import services
from chat.changes import MESSAGES_AT_ONCE, Change, Changes, _Attempt, change, current_changes
from chat.selectors import message_document
from imsystem.errors import NotFound
from imsystem.mongo.clients import Document, collection
from rooms.policies import Access
from tests.conftest import Cast
from tests.written import written

AT_ONCE = 200


async def said(cast: Cast, count: int, name: str = "c") -> list[str]:
    fields: dict[str, Any] = {"room_identity": cast.room.pk, "user_identity": cast.owner.pk}
    sent = [
        services.send_message(**fields, client_id=f"{name}{number}", data=f"text {number}")
        for number in range(count)
    ]
    return [stored.message["identity"] for stored in await asyncio.gather(*sent)]


async def revision(cast: Cast) -> int:
    room = await collection("room_basic").find_one({"_id": cast.room.pk})
    assert room is not None
    return int(room["revision"])


async def edit(cast: Cast, identity: str, data: str) -> dict[str, Any]:
    return dict(
        await services.edit_message(
            user_identity=cast.owner.pk, message_identity=identity, data=data
        )
    )


def anybody(access: Access, message: Document, now: int) -> None:
    """A rule that every member passes."""


async def react(identity: str, actor: str, who: str) -> dict[str, Any]:
    """Stands for a reaction: any member adds their name to a message."""

    def add(message: Document, now: int) -> Change | None:
        names = message.get("names", [])
        return None if who in names else Change({"names": [*names, who], "updated_at": now})

    return dict(await change(identity, actor, anybody, add))


async def check(cast: Cast, changed: Sequence[dict[str, Any]]) -> None:
    """Every change has a revision of its own, 1 to n, and each message keeps its last one."""
    assert sorted(message["revision"] for message in changed) == [*range(1, len(changed) + 1)]
    assert await revision(cast) == len(changed)
    newest = {m["identity"]: m for m in sorted(changed, key=lambda m: int(m["revision"]))}
    for identity, message in newest.items():
        stored = await message_document(identity)
        assert (stored["revision"], stored["data"]) == (message["revision"], message["data"])


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts how many changes each transaction was given."""
    counted: list[int] = []
    run = _Attempt.run

    async def counting(attempt: _Attempt) -> None:
        counted.append(len(attempt._batch))
        await run(attempt)

    monkeypatch.setattr(_Attempt, "run", counting)
    return counted


async def all_of(*work: Any) -> list[Any]:
    """Awaits all of them; every one must succeed. The time is printed: the aim is 200 changes
    within 2 s, which a test cannot demand of a machine that also does other things."""
    started = time.perf_counter()
    done = await asyncio.gather(*work)
    print(f"{len(work)} changes took {time.perf_counter() - started:.2f} s")
    return done


async def test_200_messages_are_edited(cast: Cast, attempts: list[int]) -> None:
    identities = await said(cast, AT_ONCE)
    changed = await all_of(*(edit(cast, each, "changed") for each in identities))
    await check(cast, changed)
    # Few transactions; a checkpoint of the room (chat/checkpoint.py) may have overtaken some of
    # them.
    assert sum(attempts) >= AT_ONCE
    assert len(attempts) <= 2 * (AT_ONCE // MESSAGES_AT_ONCE + 2)


async def test_200_edits_of_one_message(cast: Cast) -> None:
    """The last change wins; no change is half done, and each is answered with its own state."""
    (identity,) = await said(cast, 1)
    changed = await all_of(*(edit(cast, identity, f"version {n}") for n in range(AT_ONCE)))
    await check(cast, changed)
    assert {message["data"] for message in changed} == {f"version {n}" for n in range(AT_ONCE)}
    kept = await collection("message_edit").find({"message_identity": identity}).to_list()
    assert sorted(row["revision"] for row in kept) == [*range(AT_ONCE)]
    assert {row["data"] for row in kept} | {changed[-1]["data"], "text 0"} >= {
        message["data"] for message in changed
    }


async def test_200_reactions_to_one_message(cast: Cast) -> None:
    (identity,) = await said(cast, 1)
    actors = [cast.owner.pk, cast.admin.pk, cast.member.pk, cast.muted.pk]
    changed = await all_of(*(react(identity, actors[n % 4], f"user {n}") for n in range(AT_ONCE)))
    await check(cast, changed)
    assert set((await message_document(identity))["names"]) == {f"user {n}" for n in range(AT_ONCE)}


async def test_200_reactions_to_200_messages(cast: Cast) -> None:
    identities = await said(cast, AT_ONCE)
    changed = await all_of(*(react(each, cast.member.pk, "me") for each in identities))
    await check(cast, changed)


async def test_two_queues_on_one_room(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two processes has a queue, and they share nothing but the database."""
    queues = [Changes(), Changes()]
    turns = itertools.cycle(queues)
    monkeypatch.setattr(changes_module, "current_changes", lambda: next(turns))
    (identity, *identities) = await said(cast, 1 + AT_ONCE // 2)
    one = [react(identity, cast.member.pk, f"user {n}") for n in range(AT_ONCE // 2)]
    changed = await all_of(*one, *(edit(cast, each, "changed") for each in identities))
    await check(cast, changed)
    assert len((await message_document(identity))["names"]) == AT_ONCE // 2


async def test_two_processes_change_the_same_messages(cast: Cast) -> None:
    identities = await said(cast, AT_ONCE // 2)
    module = "tests.chat.changing"
    written.note("message_edit")
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, cast.owner.pk, f"process {number}", *identities),
            stdin=PIPE,
            stdout=PIPE,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "imsystem.settings"},
        )
        for number in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    answers = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    revisions = [int(word) for out, _err in answers for word in out.split()]
    assert sorted(revisions) == [*range(1, AT_ONCE + 1)]
    assert await revision(cast) == AT_ONCE
    stored = await collection("message_basic").find({"room_identity": cast.room.pk}).to_list()
    assert {row["revision"] for row in stored} <= set(revisions)
    kept = await collection("message_edit").count_documents({"room_identity": cast.room.pk})
    assert kept == AT_ONCE


async def test_what_is_the_same_already_takes_no_revision(cast: Cast) -> None:
    (identity,) = await said(cast, 1)
    await asyncio.gather(*(react(identity, cast.member.pk, "me") for _ in range(20)))
    assert await revision(cast) == 1
    await edit(cast, identity, "text 0")
    assert await revision(cast) == 1


async def test_one_that_is_refused_leaves_the_others_of_its_batch_alone(cast: Cast) -> None:
    identities = await said(cast, 10)
    work = [edit(cast, each, "changed") for each in identities]
    for each in identities[:5]:
        work.append(
            services.recall_message(user_identity=cast.owner.pk, message_identity=each)  # type: ignore[arg-type]
        )
    done = await asyncio.gather(
        *work,
        services.edit_message(
            user_identity=cast.member.pk, message_identity=identities[9], data="x"
        ),
        return_exceptions=True,
    )
    assert [type(each).__name__ for each in done[10:]] == [*["dict"] * 5, "Forbidden"]
    assert [(await message_document(each))["data"] for each in identities] == [
        *[""] * 5,
        *["changed"] * 5,
    ]


async def test_an_edit_does_not_bring_a_recalled_text_back(cast: Cast) -> None:
    for round_ in range(20):
        (identity,) = await said(cast, 1, f"r{round_}-")
        fields = {"user_identity": cast.owner.pk, "message_identity": identity}
        await asyncio.gather(
            services.edit_message(**fields, data="late"),
            services.recall_message(**fields),
            return_exceptions=True,
        )
        assert (await message_document(identity))["data"] == ""
        assert await collection("message_edit").count_documents({}) == 0


async def test_no_queue_stays_behind(cast: Cast) -> None:
    (identity,) = await said(cast, 1)
    await edit(cast, identity, "changed")
    await asyncio.sleep(0.05)
    assert current_changes()._waiting == {}


@pytest.mark.parametrize("identity", ["", "x" * 24, "f" * 24])
async def test_unknown_messages_are_not_found(cast: Cast, identity: str) -> None:
    with pytest.raises(NotFound):
        await react(identity, cast.owner.pk, "me")
