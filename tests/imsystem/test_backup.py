"""`manage.py backup` and `restore`: every document comes back as it was, every room whole."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from accounts import services as accounts
from accounts.models import User
from chat import inbox
from chat import services as chat
from chat.backup import readers
from chat.models import Message
from chat.sequence import SequenceAllocator
from imsystem.backup import plan, writer
from imsystem.backup.archive import Part, opened, read_manifest
from imsystem.mongo.clients import collection
from imsystem.redis import key, sync_redis
from imsystem.threads import run_in_thread
from rooms import services as rooms
from rooms.models import Member, Room
from tests.backups import (
    PowerCutError,
    backup,
    cut_after,
    database,
    documents,
    indexes,
    restore,
    say,
    seqs,
)
from tests.conftest import Cast
from tests.images import picture

# --- there and back ---------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["backup", "backup.tar"])
def test_every_document_comes_back_as_it_was(
    world: Cast, tmp_path: Path, second: str, place: str
) -> None:
    with database(second):
        sync_redis().set(key("seq", world.room.pk), 999)  # of whatever was there before
    printed = backup(tmp_path / place)
    assert "message_basic: 26 documents" in printed
    assert "Backup finished" in printed
    printed = restore(tmp_path / place, second)
    assert "Everything has been restored" in printed
    assert "SECRET_KEY" not in printed
    before, after = documents("im_test"), documents(second)
    assert len(before["message_basic"]) == 26
    assert {"avatar", "two_factor", "django_content_type", "auth_permission"} <= set(before)
    # Checkpoints are written a few seconds behind, by the server.
    assert after == before
    assert indexes(second) == indexes("im_test")
    with database(second):
        say(world, "next")
        assert seqs(world.room.pk) == list(range(1, 27))


def test_only_the_owner_may_read_it(world: Cast, tmp_path: Path) -> None:
    os.umask(before := os.umask(0))
    os.umask(0)
    try:
        backup(tmp_path / "a")
        backup(tmp_path / "a.tar")
    finally:
        os.umask(before)
    for path in [tmp_path / "a", tmp_path / "a.tar", *(tmp_path / "a").rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.tar"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        *("collections", "files", "files.ndjson", "manifest.json")
    ]


def test_what_refers_comes_before_what_it_refers_to() -> None:
    order = list(plan.make_readers())
    assert sorted(order) == sorted(plan.tables())
    steps = ["message_basic", "room_basic", "user_room", "user_basic"]
    assert sorted(steps, key=order.index) == steps
    for name in ("avatar", "device_session", "two_factor", "recovery_code", "django_admin_log"):
        assert order.index(name) < order.index("user_basic")


# --- while the system runs --------------------------------------------------------------------


async def test_under_load_every_room_is_a_prefix(
    cast: Cast, tmp_path: Path, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "BATCH", 10)
    place, acked = tmp_path / "backup", []
    people = [cast.owner, cast.admin, cast.member]
    over = asyncio.Event()

    async def talk(number: int) -> None:
        count = 0
        while not over.is_set():
            user = people[number % 3].pk
            fields = {"user_identity": user, "room_identity": cast.room.pk}
            sent = await chat.send_message(**fields, client_id=f"{number}-{count}", data="x" * 40)
            acked.append(sent.message["seq"])
            await chat.mark_read(user_identity=user, room_identity=cast.room.pk, seq=10**9)
            if count % 5 == 0:
                identity = sent.message["identity"]
                await chat.edit_message(user_identity=user, message_identity=identity, data="y")
            count += 1

    talking = [asyncio.create_task(talk(number)) for number in range(6)]
    while len(acked) < 60:
        await asyncio.sleep(0.01)
    at_start = max(acked)
    await run_in_thread(backup, place)
    at_end = max(acked)
    over.set()
    await asyncio.gather(*talking)
    assert at_end > at_start

    def look() -> None:
        with database(second):
            sync_redis().set(key("seq", cast.room.pk), 10_000)
        restore(place, second)
        with database(second):
            found = seqs(cast.room.pk)
            assert found == list(range(1, len(found) + 1))
            assert at_start <= len(found)
            room = Room.objects.get(pk=cast.room.pk)
            assert room.last_seq <= len(found)
            changed = Message.objects.filter(revision__gt=0).values_list("revision", flat=True)
            assert 0 < max(changed) <= room.revision
            for member in Member.objects.all():
                assert member.read_seq <= len(found)
                if member.read_seq:
                    last = Message.objects.get(pk=member.message_identity)
                    assert last.seq == member.read_seq
            say(cast, "next")
            assert seqs(cast.room.pk)[-1] == len(found) + 1

    await run_in_thread(look)


async def rest(name: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    """What a reader finds now, noted as written."""
    found = [document async for batch in given[name].read(None) for document in batch]
    for document in found:
        given[name].note(document)
    return found


async def test_nothing_is_said_of_messages_that_came_later(cast: Cast) -> None:
    given = dict(readers())
    fields = {"user_identity": cast.owner.pk, "room_identity": cast.room.pk}
    first = await chat.send_message(**fields, client_id="1", data="1")
    assert [message["seq"] for message in await rest("message_basic", given)] == [1]
    await chat.send_message(**fields, client_id="2", data="2")
    await chat.mark_read(user_identity=cast.member.pk, room_identity=cast.room.pk, seq=2)
    await collection("room_basic").update_one({"_id": cast.room.pk}, {"$set": {"last_seq": 2}})
    new = await run_in_thread(_joined_late, cast)
    (room,) = await rest("room_basic", given)
    assert room["last_seq"] == 1
    later = await run_in_thread(rooms.create_group, creator=cast.owner, name="Later")
    members = {row["user_identity"]: row for row in await rest("user_room", given)}
    assert later.pk not in {row["room_identity"] for row in members.values()}
    assert members[cast.member.pk]["read_seq"] == 1
    assert members[cast.member.pk]["message_identity"] == first.message["identity"]
    assert members[new.pk]["joined_seq"] == 1


def _joined_late(cast: Cast) -> User:
    rooms.join(inbox=inbox, user=cast.outsider, number=cast.room.number)
    return cast.outsider


async def test_a_message_on_its_way_is_waited_for(cast: Cast) -> None:
    fields = {"user_identity": cast.owner.pk, "room_identity": cast.room.pk}
    for text in "123":
        await chat.send_message(**fields, client_id=text, data=text)
    messages = collection("message_basic")
    late = await messages.find_one_and_delete({"room_identity": cast.room.pk, "seq": 2})
    assert late

    async def arrives() -> None:
        await asyncio.sleep(0.3)
        await messages.insert_one(late)

    arrival = asyncio.create_task(arrives())
    found = await rest("message_basic", dict(readers()))
    await arrival
    assert [(message["seq"], message["data"]) for message in found] == [
        *((1, "1"), (2, "2"), (3, "3"))
    ]


async def test_a_number_nobody_used_is_sealed(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.backup.SETTLE_MS", 100)
    fields = {"user_identity": cast.owner.pk, "room_identity": cast.room.pk}
    await chat.send_message(**fields, client_id="1", data="1")
    await SequenceAllocator().allocate({cast.room.pk: 1})
    await chat.send_message(**fields, client_id="3", data="3")
    found = await rest("message_basic", dict(readers()))
    assert [(message["seq"], message["kind"]) for message in found] == [
        *((1, "text"), (2, "void"), (3, "text"))
    ]


async def test_a_picture_that_was_changed_meanwhile_is_no_dead_link(cast: Cast) -> None:
    given = plan.make_readers()
    await rest("avatar", given)
    await run_in_thread(accounts.set_avatar, user=cast.owner, data=picture())
    users = {user["_id"]: user for user in await rest("user_basic", given)}
    assert users[cast.owner.pk]["avatar"] == ""


# --- interrupted ------------------------------------------------------------------------------


CUTS = [("message_basic", 0, "b"), ("message_basic", 3, "b.tar"), ("user_basic", 0, "b")]


@pytest.mark.parametrize(("part", "batches", "name"), CUTS)
def test_an_interrupted_backup_goes_on(
    world: Cast,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    batches: int,
    name: str,
) -> None:
    monkeypatch.setattr("chat.backup.WINDOW", 3)
    monkeypatch.setattr(writer, "CHECKPOINT_S", 0)
    with monkeypatch.context() as patch:
        cut_after(batches, part, patch)
        with pytest.raises(PowerCutError):
            backup(tmp_path / name)
        assert (tmp_path / "b.tar").exists() is False
    read: list[Any] = []
    messages = readers()["message_basic"].__class__

    async def counted(self: Any, room: str, checkpoint: int) -> AsyncIterator[Any]:
        read.append((room, self.heads.get(room, 0)))
        async for batch in room_of(self, room, checkpoint):
            yield batch

    room_of = messages._room
    monkeypatch.setattr(messages, "_room", counted)
    backup(tmp_path / name)
    if batches:
        assert read[0][1] > 0  # it went on in the middle of a room
    if part == "user_basic":
        assert read == []  # the messages were done
    backup(tmp_path / "whole")
    assert parts_of(tmp_path / name) == parts_of(tmp_path / "whole")


def parts_of(place: Path) -> list[Part]:
    """Checksums and all."""
    with opened(place) as archive:
        return read_manifest(archive).parts


def test_a_half_backup_that_was_changed_is_not_gone_on_with(
    world: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_S", 0)
    with monkeypatch.context() as patch:
        cut_after(0, "user_basic", patch)
        with pytest.raises(PowerCutError):
            backup(tmp_path / "b")
    written = tmp_path / "b" / "collections" / "message_basic.ndjson"
    good = written.read_bytes()
    for bad in (good.replace(b"better", b"bitter"), good[:-5], good.replace(b"{", b"[", 1)):
        assert bad != good
        written.write_bytes(bad)
        _must_begin_anew(tmp_path / "b")


def _must_begin_anew(place: Path) -> None:
    with pytest.raises(CommandError, match=r"message_basic has changed .* start again"):
        backup(place)
