"""What `sync` answers: it is bounded in size, and asked repeatedly it delivers everything exactly
once."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from chat import catch_up, commands
from chat.catch_up import ROOM_PAGE, RoomCatchUp, changes_since
from chat.frames import MessageCreated
from chat.selectors import complete_range
from chat.services import edit_message, send_message
from imsystem.client_limits import MESSAGE_LENGTH
from imsystem.ids import new_identity
from imsystem.realtime.frames import encode
from imsystem.threads import run_in_thread
from rooms import access as gate
from rooms import services as rooms
from tests.conftest import Cast
from tests.sockets import socket_of

Known = dict[str, tuple[int, int]]


async def say(cast: Cast, *texts: str, room: str = "") -> list[str]:
    """Sends as the owner and returns the identities."""
    fields = {"user_identity": cast.owner.pk, "room_identity": room or cast.room.pk}
    sent = [
        await send_message(**fields, client_id=f"c{number}", data=text)
        for number, text in enumerate(texts)
    ]
    return [each.message["identity"] for each in sent]


async def ask(cast: Cast, known: Known) -> dict[str, RoomCatchUp]:
    found, removed = await changes_since(user_identity=cast.owner.pk, known=known)
    assert removed == []
    return found


def texts(delta: RoomCatchUp, part: str = "messages") -> list[str]:
    return [message["data"] for message in delta[part]]  # type: ignore[literal-required]


async def all_of(cast: Cast, known: Known) -> tuple[list[str], list[str]]:
    """Asks as a client does until nothing is left, and returns all messages and changes in the
    order in which they came."""
    messages: list[str] = []
    changed: list[str] = []
    for _attempt in range(50):
        found = await ask(cast, known)
        for room, delta in found.items():
            messages += texts(delta)
            changed += texts(delta, "changed")
            known[room] = (delta["complete_to"], delta["revision"])
        if not any(delta["has_more"] for delta in found.values()):
            return messages, changed
    raise AssertionError("no end")


async def test_a_page_of_the_longest_messages_is_read_at_once(cast: Cast) -> None:
    """Without a cursor, whatever does not fit into one answer of MongoDB (16 MB) would be
    missing."""
    await say(cast, *["😀" * MESSAGE_LENGTH] * ROOM_PAGE)
    messages, complete_to = await complete_range(cast.room.pk, 0, ROOM_PAGE, ROOM_PAGE)
    assert [message["seq"] for message in messages] == list(range(1, ROOM_PAGE + 1))
    assert complete_to == ROOM_PAGE
    frame = encode(MessageCreated(room_identity=cast.room.pk, message=messages[0]))
    assert ROOM_PAGE * len(frame.encode()) < 16_000_000


async def test_no_message_follows_too_many_characters(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "MAX_CHARACTERS", 10)
    await say(cast, "123456", "abcdef", "third", "fourth")
    delta = (await ask(cast, {cast.room.pk: (0, 0)}))[cast.room.pk]
    assert texts(delta) == ["123456", "abcdef"]
    assert (delta["complete_to"], delta["last_seq"], delta["has_more"]) == (2, 4, True)
    assert await all_of(cast, {cast.room.pk: (0, 0)}) == (
        ["123456", "abcdef", "third", "fourth"],
        [],
    )


async def test_the_first_goes_in_whatever_its_length(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "MAX_CHARACTERS", 1)
    await say(cast, "longer", "than that")
    assert await all_of(cast, {cast.room.pk: (0, 0)}) == (["longer", "than that"], [])


async def test_changes_count_too(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "MAX_CHARACTERS", 10)
    sent = await say(cast, "a", "b", "c")
    for identity in sent:
        await edit_message(user_identity=cast.owner.pk, message_identity=identity, data="edited")
    delta = (await ask(cast, {cast.room.pk: (3, 0)}))[cast.room.pk]
    assert (texts(delta, "changed"), delta["revision"]) == (["edited", "edited"], 2)
    assert delta["has_more"]
    assert await all_of(cast, {cast.room.pk: (3, 0)}) == ([], ["edited"] * 3)


@pytest.mark.parametrize("limit", ["MAX_CHARACTERS", "MAX_MESSAGES"])
async def test_rooms_share_the_space(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(catch_up, limit, 2)
    other = await run_in_thread(rooms.create_group, creator=cast.owner, name="Other")
    await say(cast, "a", "b", "c")
    sent = await say(cast, "d", "e", room=other.pk)
    await edit_message(user_identity=cast.owner.pk, message_identity=sent[0], data="D")
    known: Known = {cast.room.pk: (0, 0), other.pk: (1, 0)}
    nothing: Mapping[str, Any] = {
        "messages": [],
        "changed": [],
        "last_seq": 2,
        "revision": 0,
        "complete_to": 1,
        "has_more": True,
    }
    assert (await ask(cast, known))[other.pk] == nothing
    assert await all_of(cast, known) == (["a", "b", "c", "e"], ["D"])


async def test_a_thousand_rooms_of_others_are_one_query(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each room was a query of its own: three sockets slowed everybody down from 10 to 240 ms."""
    asked: list[str] = []
    read = gate.membership_rows

    async def membership_rows(user_identity: str) -> Any:
        asked.append(user_identity)
        return await read(user_identity)

    def one_by_one(*_args: Any) -> None:
        raise AssertionError("a query for one room")

    await say(cast, "a")
    monkeypatch.setattr(gate, "membership_rows", membership_rows)
    monkeypatch.setattr(gate, "collection_of", one_by_one)
    foreign = [new_identity() for _ in range(999)]
    gate._accesses()._kept.clear()
    known = dict.fromkeys([*foreign, cast.room.pk], (0, 0))
    rooms_found, removed = await changes_since(user_identity=cast.owner.pk, known=known)
    assert (list(rooms_found), removed) == ([cast.room.pk], foreign)
    assert asked == [cast.owner.pk]
    # A user's own message is known from then on.
    assert (await ask(cast, {cast.room.pk: (0, 0)})).keys() == {cast.room.pk}
    assert asked == [cast.owner.pk]


async def test_who_was_removed_is_told_so(cast: Cast) -> None:
    known: Known = {cast.room.pk: (0, 0)}
    assert await ask(cast, known)
    await run_in_thread(rooms.leave, user=cast.member, room_identity=cast.room.pk)
    found, removed = await changes_since(user_identity=cast.member.pk, known=known)
    assert (found, removed) == ({}, [cast.room.pk])


async def test_a_socket_is_given_one_answer_after_the_other(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[int] = []
    under_way = 0

    async def slow(**_fields: Any) -> tuple[dict[str, Any], list[str]]:
        nonlocal under_way
        under_way += 1
        at_once.append(under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return {}, []

    monkeypatch.setattr(commands, "changes_since", slow)
    async with socket_of(cast.owner) as owner:
        for number in range(3):
            await owner.say(type="sync", id=str(number), rooms={})
        assert [(await owner.hear())["id"] for _ in range(3)] == ["0", "1", "2"]
    assert at_once == [1, 1, 1]
