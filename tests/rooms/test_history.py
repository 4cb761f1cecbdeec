"""What was said before somebody joined a group that keeps its history from new members reaches them
in no way. Each test goes through one door."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from accounts.models import User
from chat import inbox
from chat.catch_up import changes_since
from chat.export import exported_messages
from chat.models import Message
from chat.selectors import page_bounds
from chat.services import edit_message, recall_message, send_message
from chat.sweep import sweep
from imsystem.loops import run_on_loop
from imsystem.realtime.hub import current_hub
from imsystem.realtime.topics import room_topic, user_topic
from imsystem.threads import run_in_thread
from rooms import policies, services
from rooms.models import Member, Room
from tests.api import NOT_FOUND, Api
from tests.conftest import Cast, make_cast
from tests.pages.conftest import browser
from tests.seed import Seed
from tests.sockets import Socket, socket_of

SECRET = "whispered"


def say(user: User, room: Room, text: str) -> str:
    fields = {"user_identity": user.pk, "room_identity": room.pk}
    sent = send_message(**fields, client_id=f"c-{text}", data=text)
    return run_on_loop(sent).message["identity"]


@dataclass
class Late:
    """A group in which three messages were sent, then somebody joined, then one was sent."""

    cast: Cast
    room: Room
    user: User
    before: list[str]
    after: str


def come_late(history: str = "joined") -> Late:
    cast = make_cast()
    services.update_room(user=cast.owner, room_identity=cast.room.pk, history=history)
    before = [say(cast.owner, cast.room, f"{SECRET}{number}") for number in range(3)]
    services.join(inbox=inbox, user=cast.outsider, number=cast.room.number)
    after = say(cast.owner, cast.room, "after")
    return Late(cast, cast.room, cast.outsider, before, after)


@pytest.fixture
def late() -> Late:
    return come_late()


def texts(answer: Any) -> list[str]:
    assert SECRET not in answer.content.decode()
    return [message["data"] for message in answer.json()["messages"]]


def test_the_rule() -> None:
    assert (policies.floor_of("joined", 7), policies.floor_of("all", 7)) == (7, 0)
    assert [policies.can_read(7, seq) for seq in (1, 7, 8)] == [False, False, True]


# --- history --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["after"]),
        ("?limit=100", ["after"]),
        ("?before=4", []),
        ("?before=1", []),
        ("?before=5", ["after"]),
        ("?after=0", ["after"]),
        ("?after=1&limit=1", ["after"]),
        ("?after=4", []),
        ("?around=1", ["after"]),
        ("?around=2&limit=1", ["after"]),
        ("?around=4", ["after"]),
    ],
)
def test_no_page_of_history_has_it(late: Late, query: str, shown: list[str]) -> None:
    page = Api(late.user).get(f"rooms/{late.room.pk}/messages/{query}")
    assert (page.status_code, texts(page)) == (200, shown)
    assert page.json()["has_before"] is False or not shown


@pytest.mark.parametrize("position", [{}, {"before": 3}, {"after": 1}, {"around": 2}])
@pytest.mark.parametrize("limit", [1, 2, 50])
def test_bounds_are_a_range_above_the_floor(position: dict[str, int], limit: int) -> None:
    for last in range(8):
        for floor in range(last + 1):
            named = {"before": None, "after": None, "around": None, **position}
            lower, upper = page_bounds(last, **named, limit=limit, floor=floor)
            assert floor <= lower <= upper <= max(last, floor)
            assert upper - lower <= limit


def test_the_page_does_not_show_it(late: Late) -> None:
    for query in ("", "?before=4", "?after=0", "?around=2"):
        page = browser(late.user).get(f"/chat/{late.room.pk}/{query}").content.decode()
        assert SECRET not in page
    assert "after" in browser(late.user).get(f"/chat/{late.room.pk}/").content.decode()


@pytest.mark.parametrize(("page", "size"), [(1, 20), (1, 1), (2, 1), (3, 1), (2, 2)])
def test_the_original_route_does_not_list_it(late: Late, page: int, size: int) -> None:
    path = f"/u/chat/list?room_identity={late.room.pk}&page_index={page}&page_size={size}"
    found = [line["Data"] for line in Seed(late.user).get(path)["data"]["list"]]
    assert found == (["after"] if page == 1 else [])


# --- sync -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [0, 1, 3, 4])
async def test_sync_has_neither_messages_nor_their_changes(seq: int) -> None:
    late = await run_in_thread(come_late)
    owner = late.cast.owner.pk
    await edit_message(user_identity=owner, message_identity=late.before[0], data=f"{SECRET}-x")
    await recall_message(user_identity=owner, message_identity=late.before[1])
    await edit_message(user_identity=owner, message_identity=late.after, data="after-x")
    found, _removed = await changes_since(
        user_identity=late.user.pk, known={late.room.pk: (seq, 0)}
    )
    delta = found[late.room.pk]
    shown = [message["data"] for message in [*delta["messages"], *delta["changed"]]]
    assert shown == ["after-x"]
    assert (delta["last_seq"], delta["revision"], delta["has_more"]) == (4, 3, False)
    assert delta["complete_to"] == 4


async def test_open_sockets_are_not_told_of_a_change_of_it() -> None:
    """The sync of a device that was there when the user joined, and of one that came later."""
    late = await run_in_thread(come_late)
    async with socket_of(late.user) as early:
        await run_in_thread(services.leave, user=late.user, room_identity=late.room.pk)
        await run_in_thread(services.join, inbox=inbox, user=late.user, number=late.room.number)
        async with socket_of(late.user) as later, socket_of(late.cast.member) as member:
            owner = late.cast.owner.pk
            for identity in (late.before[0], late.after):
                await edit_message(user_identity=owner, message_identity=identity, data="changed")
            assert (await member.hear())["message"]["seq"] == 1
            newest = await run_in_thread(say, late.cast.owner, late.room, "newest")
            for socket in (early, later):
                seen = await socket.hear_until("message.created")
                assert seen["message"]["identity"] == newest
                assert await socket.silent()


async def test_the_sweep_keeps_the_floor(cast: Cast) -> None:
    late = await run_in_thread(come_late)
    async with socket_of(late.user) as socket:
        hub, topic = current_hub(), room_topic(late.room.pk)
        [connection] = hub.sockets_of(user_topic(late.user.pk))
        assert hub.floor(connection, topic) == 3
        hub.unsubscribe(connection, topic)  # as after the loss of a connection
        assert hub.floor(connection, topic) == 0
        await sweep()
        assert hub.floor(connection, topic) == 3
        owner = late.cast.owner.pk
        await edit_message(user_identity=owner, message_identity=late.before[0], data="changed")
        assert await socket.silent()


# --- what a message refers to, and what is done to it -----------------------------------------


def outcomes(api: Api, method: str, identities: list[str], body: Any) -> set[tuple[int, bytes]]:
    answers = [api.call(method, f"messages/{identity}/", body) for identity in identities]
    return {(answer.status_code, answer.content) for answer in answers}


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"data": "x"}), ("DELETE", None)])
def test_it_is_told_as_one_that_does_not_exist(late: Late, method: str, body: Any) -> None:
    """This applies to admins too, who may unsend any message that they may read."""
    services.change_member(
        user=late.cast.owner, room_identity=late.room.pk, peer_identity=late.user.pk, role="admin"
    )
    api = Api(late.user)
    stored = list(Message.objects.order_by("pk").values())
    told = outcomes(api, method, [*late.before, "0" * 24], body)
    assert [(status, json.loads(content)) for status, content in told] == [(404, NOT_FOUND)]
    assert list(Message.objects.order_by("pk").values()) == stored


def test_it_cannot_be_quoted(late: Late) -> None:
    api, path = Api(late.user), f"rooms/{late.room.pk}/messages/"
    answers = [
        api.post(path, {"client_id": "r", "data": "x", "reply_to": quoted})
        for quoted in (late.before[0], "0" * 24)
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (400, answers[0].content)
    }
    sent = api.post(path, {"client_id": "r", "data": "x", "reply_to": late.after})
    assert sent.status_code == 201


async def test_it_is_neither_quoted_nor_changed_over_the_socket() -> None:
    late = await run_in_thread(come_late)
    async with socket_of(late.user) as socket:
        told = []
        for identity in (late.before[0], "0" * 24):
            told.append(await ask_all(socket, late.room, identity))
    assert told[0] == told[1]


async def ask_all(socket: Socket, room: Room, identity: str) -> list[dict[str, Any]]:
    send = {"room_identity": room.pk, "client_id": "r", "data": "x", "reply_to": identity}
    return [
        await socket.ask("message.send", **send),
        await socket.ask("message.edit", message_identity=identity, data="x"),
        await socket.ask("message.recall", message_identity=identity),
    ]


# --- lists ----------------------------------------------------------------------------------


def test_the_list_of_rooms_does_not_quote_it() -> None:
    cast = make_cast()
    services.update_room(user=cast.owner, room_identity=cast.room.pk, history="joined")
    say(cast.owner, cast.room, SECRET)
    services.join(inbox=inbox, user=cast.outsider, number=cast.room.number)
    api = Api(cast.outsider)
    for answer in (api.get("rooms/"), api.get(f"rooms/{cast.room.pk}/")):
        assert SECRET not in answer.content.decode()
    detail = api.get(f"rooms/{cast.room.pk}/").json()
    assert (detail["last_message"], detail["unread"], detail["read_seq"]) == (None, 0, 1)
    assert SECRET not in browser(cast.outsider).get("/chat/").content.decode()
    say(cast.owner, cast.room, "after")
    assert api.get("rooms/").json()["results"][0]["last_message"]["data"] == "after"


@pytest.mark.parametrize("how", ["joins", "is added"])
async def test_neither_ready_nor_room_added_quote_it(how: str) -> None:
    cast = await run_in_thread(make_cast)
    await run_in_thread(
        services.update_room, user=cast.owner, room_identity=cast.room.pk, history="joined"
    )
    await run_in_thread(say, cast.owner, cast.room, SECRET)
    async with socket_of(cast.outsider) as socket:
        if how == "joins":
            await run_in_thread(
                services.join, inbox=inbox, user=cast.outsider, number=cast.room.number
            )
        else:
            await run_in_thread(
                services.add_member, inbox=inbox, user=cast.admin, room_identity=cast.room.pk,
                peer_identity=cast.outsider.pk,
            )  # fmt: skip
        added = (await socket.hear_until("room.added"))["room"]
        assert (added["last_message"], added["unread"]) == (None, 0)
    async with socket_of(cast.outsider) as socket:
        [room] = socket.ready["rooms"]
        assert (room["last_message"], room["unread"]) == (None, 0)


def test_the_export_holds_ones_own_words_only(late: Late) -> None:
    say(late.user, late.room, "mine")

    async def collect() -> list[str]:
        return [message["data"] async for message in exported_messages(late.user)]

    assert run_on_loop(collect()) == ["mine"]


# --- whom it is kept from -------------------------------------------------------------------


def test_in_other_groups_newcomers_read_everything() -> None:
    late = come_late("all")
    page = Api(late.user).get(f"rooms/{late.room.pk}/messages/").json()
    assert [message["seq"] for message in page["messages"]] == [1, 2, 3, 4]


def test_who_was_there_goes_on_reading_it(late: Late) -> None:
    """The setting is about newcomers: nobody loses what they could read."""
    page = Api(late.cast.member).get(f"rooms/{late.room.pk}/messages/").json()
    assert len(page["messages"]) == 4


def test_who_comes_back_is_new(late: Late) -> None:
    services.leave(user=late.cast.member, room_identity=late.room.pk)
    services.join(inbox=inbox, user=late.cast.member, number=late.room.number)
    assert Api(late.cast.member).get(f"rooms/{late.room.pk}/messages/").json()["messages"] == []


async def test_it_is_for_all_when_the_group_says_so() -> None:
    late = await run_in_thread(come_late)
    async with socket_of(late.user) as socket:
        await run_in_thread(
            services.update_room, user=late.cast.owner, room_identity=late.room.pk, history="all"
        )
        assert (await socket.hear_until("room.updated"))["room"]["history"] == "all"
        owner = late.cast.owner.pk
        await edit_message(user_identity=owner, message_identity=late.before[0], data="changed")
        seen = await socket.hear_until("message.updated")
        assert seen["message"]["data"] == "changed"
    path = f"rooms/{late.room.pk}/messages/"
    page = await run_in_thread(lambda: Api(late.user).get(path).json())
    assert len(page["messages"]) == 4
    assert not await run_in_thread(Member.objects.filter(floor_seq__gt=0).exists)
