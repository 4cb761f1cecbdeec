"""The number of unread messages is the same at every door, whatever has happened in the room."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from chat import heads, inbox
from chat.services import edit_message, mark_read, recall_message, send_message
from imsystem.ids import new_identity
from imsystem.realtime.hub import current_hub
from imsystem.threads import run_in_thread
from rooms import services
from rooms.choices import History
from rooms.models import Room
from tests.api import Api
from tests.conftest import Cast
from tests.sockets import caught_up, socket_of


class Doors:
    """A user with what each door says about one room."""

    def __init__(self, user: User, room: Room) -> None:
        self.user, self.room = user, room

    async def numbers(self) -> set[int]:
        await caught_up()
        shown = await run_in_thread(self._requests)
        async with socket_of(self.user) as socket:
            shown |= {room["unread"] for room in socket.ready["rooms"]}
        heads._heads().clear()  # a process that has just started
        async with socket_of(self.user) as socket:
            return shown | {room["unread"] for room in socket.ready["rooms"]}

    def _requests(self) -> set[int]:
        api, browser = Api(self.user), Client()
        browser.force_login(self.user)
        (listed,) = api.get("rooms/").json()["results"]
        detail = api.get(f"rooms/{self.room.pk}/").json()
        page = browser.get("/chat/").content.decode()
        badge = re.search(r'<span class="count">(\d+)</span>', page)
        title = re.search(r"<title>\((\d+)\)", page)
        assert badge is not None
        return {
            listed["unread"],
            detail["unread"],
            int(badge[1]),
            int(title[1]) if title else 0,
        }


async def say(user: User, room: Room) -> str:
    sent = await send_message(
        user_identity=user.pk, room_identity=room.pk, client_id=new_identity(), data="hello"
    )
    return sent.message["identity"]


async def read(user: User, room: Room, seq: int) -> None:
    await mark_read(user_identity=user.pk, room_identity=room.pk, seq=seq)


async def test_all_doors_agree(cast: Cast) -> None:
    room, owner, member = cast.room, Doors(cast.owner, cast.room), Doors(cast.member, cast.room)

    async def unread(his: int, hers: int) -> None:
        assert (await member.numbers(), await owner.numbers()) == ({his}, {hers})

    await unread(0, 0)
    mine = await say(cast.member, room)
    await unread(0, 1)  # nobody's own messages are news
    first, second = await say(cast.owner, room), await say(cast.owner, room)
    await unread(2, 1)
    await edit_message(user_identity=cast.owner.pk, message_identity=first, data="edited")
    await unread(2, 1)
    await recall_message(user_identity=cast.owner.pk, message_identity=second)
    await unread(1, 1)  # what was recalled before it was seen is not to be seen
    await recall_message(user_identity=cast.member.pk, message_identity=mine)
    await unread(1, 0)
    await read(cast.member, room, 2)
    await unread(0, 0)
    await say(cast.member, room)
    await say(cast.owner, room)
    await unread(1, 1)  # a message of one's own is not a sign that one has read
    await read(cast.owner, room, 4)
    await unread(1, 0)


async def test_joining_leaving_and_being_removed(cast: Cast) -> None:
    room, outsider = cast.room, Doors(cast.outsider, cast.room)
    change = {"user": cast.owner, "room_identity": room.pk}
    await run_in_thread(services.update_room, **change, history=History.JOINED)
    await say(cast.owner, room)
    async with socket_of(cast.outsider) as socket:
        await run_in_thread(services.join, inbox=inbox, user=cast.outsider, number=room.number)
        assert (await socket.hear_until("room.added"))["room"]["unread"] == 0
    assert await outsider.numbers() == {0}
    await say(cast.owner, room)
    await say(cast.outsider, room)
    assert await outsider.numbers() == {1}
    await run_in_thread(services.remove_member, **change, peer_identity=cast.outsider.pk)
    await say(cast.owner, room)
    async with socket_of(cast.outsider) as socket:
        await run_in_thread(
            services.add_member, inbox=inbox, **change, peer_identity=cast.outsider.pk
        )
        assert (await socket.hear_until("room.added"))["room"]["unread"] == 0
    assert await outsider.numbers() == {0}
    await say(cast.owner, room)
    assert await outsider.numbers() == {1}


async def test_more_than_was_read_at_once(cast: Cast) -> None:
    for number in range(70):
        await say(cast.owner if number % 2 else cast.member, cast.room)
    assert await Doors(cast.member, cast.room).numbers() == {35}
    assert await Doors(cast.owner, cast.room).numbers() == {35}
    assert await Doors(cast.admin, cast.room).numbers() == {70}


@pytest.mark.parametrize("moment", ["before the read", "after the read"])
async def test_a_recall_while_the_authors_are_read(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """What is counted and what comes afterwards fit together: nothing is taken off twice."""
    identities = [await say(cast.owner, cast.room) for _ in range(5)]
    heads._heads().clear()
    senders_in: Callable[[Any], Awaitable[Any]] = heads._senders_in

    async def recall() -> None:
        monkeypatch.setattr(heads, "_senders_in", senders_in)
        await recall_message(user_identity=cast.owner.pk, message_identity=identities[2])

    async def interrupted(wanted: Any) -> Any:
        if moment == "before the read":
            await recall()
        found = await senders_in(wanted)
        if moment == "after the read":
            await recall()
        return found

    monkeypatch.setattr(heads, "_senders_in", interrupted)
    head = (await heads.room_heads([cast.room.pk], {cast.room.pk: 0}))[cast.room.pk]
    assert (head.revision, head.unread(cast.member.pk, 0)) in {(0, 5), (1, 4)}
    await caught_up()
    assert current_hub().healthy
    head = (await heads.room_heads([cast.room.pk], {cast.room.pk: 0}))[cast.room.pk]
    assert (head.revision, head.unread(cast.member.pk, 0)) == (1, 4)
