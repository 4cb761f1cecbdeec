"""Lists: my rooms, one room, its members; order, unread counts and the number of queries."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.db.models import Model

from accounts.models import User
from accounts.services import update_profile
from chat import inbox
from chat.services import mark_read, send_message
from imsystem.clock import now_ms
from imsystem.loops import run_on_loop
from imsystem.mongo.clients import find_in
from rooms import selectors, services
from rooms.models import Member, Room
from tests.api import NOT_FOUND, Api, public
from tests.conftest import Cast, new_user
from tests.rooms.bodies import member_body, room_body


@pytest.fixture
def alice() -> User:
    return new_user("alice")


@pytest.fixture
def bob() -> User:
    return new_user("bob")


def say(user: User, room: Room, client_id: str = "c1") -> dict[str, Any]:
    sent = send_message(
        user_identity=user.pk, room_identity=room.pk, client_id=client_id, data="hello"
    )
    return dict(run_on_loop(sent).message)


def names(user: User) -> list[str]:
    return [room["name"] for room in inbox.room_list(user)]


def unread(user: User) -> int:
    (room,) = inbox.room_list(user)
    return room["unread"]


def test_the_list_is_whole(alice: User, bob: User) -> None:
    group = services.create_group(creator=alice, name="Kitchen", members=[bob.pk])
    message = say(bob, group)
    direct, _created = services.open_direct(inbox=inbox, user=bob, peer_identity=alice.pk)
    head = {"last_seq": 1, "unread": 1, "last_message": message}
    answer = Api(alice).get("rooms/")
    assert answer.status_code == 200
    assert answer.json() == {
        "results": [
            room_body(direct, "member", name="Bob", peer=public(bob), online=False),
            room_body(group, "owner", **head),
        ]
    }
    assert Api(alice).get(f"rooms/{group.pk}/").json() == room_body(group, "owner", **head)


def test_nobody_sees_the_rooms_of_others(cast: Cast) -> None:
    assert Api(cast.outsider).get("rooms/").json() == {"results": []}


def test_the_room_with_the_newest_message_is_first(alice: User) -> None:
    rooms = {}
    with time_machine.travel("2030-01-01", tick=False) as clock:
        for name in ("one", "two", "three"):
            rooms[name] = services.create_group(creator=alice, name=name)
            clock.shift(60)
        assert names(alice) == ["three", "two", "one"]
        say(alice, rooms["one"])
        assert names(alice) == ["one", "three", "two"]
        clock.shift(60)
        say(alice, rooms["two"])
        assert names(alice) == ["two", "one", "three"]


def test_unread_counts_what_came_after_joining_and_reading(alice: User, bob: User) -> None:
    room = services.create_group(creator=alice, name="x")
    for number in range(5):
        say(alice, room, f"before{number}")
    services.join(inbox=inbox, user=bob, number=room.number)
    assert unread(bob) == 0
    for number in range(3):
        say(alice, room, f"after{number}")
    assert unread(bob) == 3
    run_on_loop(mark_read(user_identity=bob.pk, room_identity=room.pk, seq=7))
    assert unread(bob) == 1


def test_joining_again_starts_the_count_anew(alice: User, bob: User) -> None:
    room = services.create_group(creator=alice, name="x", members=[bob.pk])
    say(alice, room, "c1")
    assert unread(bob) == 1
    services.leave(user=bob, room_identity=room.pk)
    say(alice, room, "c2")
    say(alice, room, "c3")
    services.join(inbox=inbox, user=bob, number=room.number)
    assert inbox.room_detail(bob, room.pk) == room_body(
        room, "member", last_seq=3, read_seq=3, unread=0,
        last_message=inbox.room_detail(alice, room.pk)["last_message"],
    )  # fmt: skip


def test_members_are_listed_longest_first(cast: Cast) -> None:
    services.add_member(
        inbox=inbox,
        user=cast.owner,
        room_identity=cast.room.pk,
        peer_identity=cast.outsider.pk,
    )
    answer = Api(cast.muted).get(f"rooms/{cast.room.pk}/members/")
    muted_until = selectors.membership(cast.muted, cast.room.pk).muted_until
    assert muted_until > now_ms()
    listed = answer.json()["results"]
    assert sorted(listed, key=lambda member: member["created_at"]) == listed
    assert {member["user"]["identity"]: member for member in listed} == {
        cast.owner.pk: member_body(cast.room, cast.owner, "owner"),
        cast.admin.pk: member_body(cast.room, cast.admin, "admin"),
        cast.member.pk: member_body(cast.room, cast.member),
        cast.muted.pk: member_body(cast.room, cast.muted, muted_until=muted_until),
        cast.outsider.pk: member_body(cast.room, cast.outsider),
    }


@pytest.mark.parametrize("room", ["FOREIGN", "0" * 24, "A" * 24, "$ne", "x%00", "１" * 24])
@pytest.mark.parametrize("part", ["", "members/"])
def test_a_foreign_room_answers_like_an_absent_one(cast: Cast, room: str, part: str) -> None:
    identity = cast.room.pk if room == "FOREIGN" else room
    answer = Api(cast.outsider).get(f"rooms/{identity}/{part}")
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


# --- queries --------------------------------------------------------------------------------


@contextmanager
def counted_queries() -> Iterator[list[Any]]:
    """Collects the ORM's queries inside the block."""
    connection.force_debug_cursor = True
    before = len(connection.queries_log)
    queries: list[Any] = []
    try:
        yield queries
    finally:
        queries += list(connection.queries_log)[before:]
        connection.force_debug_cursor = False


def _people_and_rooms(alice: User, count: int) -> None:
    for number in range(count):
        peer = new_user("peer")
        services.create_group(creator=alice, name=f"group {number}", members=[peer.pk])
        services.open_direct(inbox=inbox, user=alice, peer_identity=peer.pk)


@pytest.mark.parametrize("rooms", [1, 5])
def test_the_list_costs_four_reads_however_many_rooms(
    alice: User, rooms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memberships, rooms, and for direct rooms the members and their users; later only the
    memberships."""
    _people_and_rooms(alice, rooms)
    read: list[type[Model]] = []

    def counted(model: type[Model], *args: Any) -> Any:
        read.append(model)
        return find_in(model, *args)

    monkeypatch.setattr("rooms.loading.find_in", counted)
    monkeypatch.setattr("accounts.user_cache.find_in", counted)
    with counted_queries() as queries:
        assert len(inbox.room_list(alice)) == 2 * rooms
        assert read == [Member, Room, Member, User]
        assert len(inbox.room_list(alice)) == 2 * rooms
    assert read[4:] == [Member]
    assert len(queries) == 0


def test_what_is_kept_of_rooms_and_people_follows_their_changes(alice: User, bob: User) -> None:
    group = services.create_group(creator=alice, name="Kitchen", members=[bob.pk])
    services.open_direct(inbox=inbox, user=bob, peer_identity=alice.pk)
    assert set(names(alice)) == {"Kitchen", bob.nickname}
    services.update_room(user=alice, room_identity=group.pk, name="Bar")
    update_profile(user=bob, nickname="Bobby")
    assert set(names(alice)) == {"Bar", "Bobby"}


def test_heads_this_process_follows_cost_nothing(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    _people_and_rooms(alice, 5)
    first = inbox.room_list(alice)

    async def fail(rooms: list[str]) -> None:
        raise AssertionError(rooms)

    monkeypatch.setattr("chat.heads._read_all", fail)
    assert inbox.room_list(alice) == first
    say(alice, Room.objects.get(pk=first[0]["identity"]))
    assert inbox.room_list(alice)[0]["last_seq"] == 1


@pytest.mark.parametrize("members", [1, 5])
def test_the_members_cost_three_queries_and_a_shared_read_however_many(
    alice: User, members: int
) -> None:
    people = [new_user("peer").pk for _ in range(members)]
    room = services.create_group(creator=alice, name="x", members=people)
    with counted_queries() as queries:
        assert len(selectors.member_list(alice, room.pk)) == members + 1
    assert len(queries) == 3
