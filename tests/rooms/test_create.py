"""New rooms: groups with members, and the single conversation of two users."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from accounts.models import User
from chat import inbox
from imsystem.errors import BadRequest
from imsystem.ids import new_identity
from rooms import services
from rooms.models import Member, Room
from rooms.services.admission import MAX_MEMBERS_AT_ONCE
from tests.api import NOT_FOUND, Api, bad_request, invalid, problem, public, refused
from tests.conftest import new_user
from tests.rooms.bodies import room_body

ONE_LINE = bad_request(name=["Use one line of at most 64 characters."])
NO_SUCH_USER = ["User not found."]
NOT_AN_IDENTITY = ["This value does not match the required pattern."]


@pytest.fixture
def alice() -> User:
    return new_user("alice")


@pytest.fixture
def bob() -> User:
    return new_user("bob")


def roles(room: Room) -> dict[str, str]:
    return dict(Member.objects.filter(room=room).values_list("user_id", "role"))


def test_a_group_has_its_creator_as_owner(alice: User, bob: User) -> None:
    body = {"name": " 厨房 Kitchen ", "info": " Who cooks? ", "members": [bob.pk]}
    made = Api(alice).post("rooms/", body)
    room = Room.objects.get()
    expected = room_body(room, "owner", name="厨房 Kitchen", info="Who cooks?", kind="group")
    assert (made.status_code, made.json()) == (201, expected)
    assert room.creator_id == alice.pk
    assert roles(room) == {alice.pk: "owner", bob.pk: "member"}


def test_numbers_are_eight_digits(alice: User) -> None:
    made = Api(alice).post("rooms/", {"name": "x"}).json()
    assert made["number"].isascii()
    assert made["number"].isdigit()
    assert len(made["number"]) == 8


def test_a_number_that_is_taken_is_drawn_again(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = services.create_group(creator=alice, name="first").number
    drawn = iter([int(taken) - 10_000_000, 1])
    monkeypatch.setattr("rooms.models.secrets.randbelow", lambda _limit: next(drawn))
    assert services.create_group(creator=alice, name="second").number == "10000001"


def test_members_named_twice_or_the_creator_are_members_once(alice: User, bob: User) -> None:
    room = services.create_group(creator=alice, name="x", members=[bob.pk, alice.pk, bob.pk])
    assert roles(room) == {alice.pk: "owner", bob.pk: "member"}


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ([new_identity()], bad_request(members=NO_SUCH_USER)),
        (["../x"], invalid(**{"members.0": NOT_AN_IDENTITY})),
        ([{"$ne": None}], invalid(**{"members.0": NOT_AN_IDENTITY})),
        ([None], invalid(**{"members.0": ["This field may not be null."]})),
        ([7], invalid(**{"members.0": NOT_AN_IDENTITY})),
        ("bob", invalid(members=['Expected a list of items but got type "str".'])),
        ({"0": "x"}, invalid(members=['Expected a list of items but got type "dict".'])),
        (None, invalid(members=["This field may not be null."])),
        (
            ["a" * 24] * 9_000,  # 243 KB; more does not fit a body
            invalid(members=["Ensure this field has no more than 200 elements."]),
        ),
    ],
)
def test_bad_lists_of_members_make_no_room(alice: User, members: Any, error: Any) -> None:
    answer = Api(alice).post("rooms/", {"name": "x", "members": members})
    assert (answer.status_code, answer.json()) == (400, error)
    assert not Room.objects.exists()


def test_the_service_itself_limits_and_checks_members(alice: User) -> None:
    for members in (["a" * 24] * (MAX_MEMBERS_AT_ONCE + 1), ["../x"]):
        with pytest.raises(BadRequest):
            services.create_group(creator=alice, name="x", members=members)
    assert not Room.objects.exists()


def test_a_body_over_the_limit_is_refused_whole(alice: User) -> None:
    answer = Api(alice).post("rooms/", {"name": "x", "members": ["a" * 24] * 10_000})
    too_large = problem(413, "Request Entity Too Large", "too_large", "This is too large.")
    assert (answer.status_code, answer.json()) == (413, too_large)
    assert not Room.objects.exists()


def test_deactivated_people_are_not_added(alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    answer = Api(alice).post("rooms/", {"name": "x", "members": [bob.pk]})
    assert answer.json() == bad_request(members=NO_SUCH_USER)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, invalid(name=["This field is required."])),
        ({"name": ""}, invalid(name=["This field may not be blank."])),
        ({"name": " \u200b "}, bad_request(name=["Give the group a name."])),
        ({"name": "x" * 65}, ONE_LINE),
        ({"name": "a\nb"}, ONE_LINE),
        ({"name": 7}, invalid(name=["Not a valid string."])),
        ({"name": {"$ne": None}}, invalid(name=["Not a valid string."])),
        ({"name": "x", "info": "x" * 501}, bad_request(info=["Use at most 500 characters."])),
    ],
)
def test_bad_names_make_no_room(alice: User, body: Any, error: Any) -> None:
    answer = Api(alice).post("rooms/", body)
    assert (answer.status_code, answer.json()) == (400, error)
    assert not Room.objects.exists()


def test_names_and_descriptions_may_be_as_long_as_the_limit(alice: User) -> None:
    room = services.create_group(creator=alice, name="名" * 64, info="述" * 500)
    assert (len(room.name), len(room.info)) == (64, 500)


def test_what_the_client_may_not_choose_is_ignored(alice: User, bob: User) -> None:
    sent = {"name": "x", "kind": "direct", "number": "1", "user_identity": bob.pk, "role": "owner"}
    made = Api(alice).post("rooms/", sent).json()
    assert made == room_body(Room.objects.get(), "owner", kind="group", user_identity=alice.pk)
    assert made["number"] != "1"


# --- direct rooms ---------------------------------------------------------------------------


def test_a_conversation_is_made_once_and_named_after_the_other(alice: User, bob: User) -> None:
    first = Api(alice).post("rooms/direct/", {"user_identity": bob.pk})
    room = Room.objects.get()
    seen = {"kind": "direct", "online": False}
    seen_by_alice = room_body(room, "member", name="Bob", peer=public(bob), **seen)
    assert (first.status_code, first.json()) == (201, seen_by_alice)
    again = Api(bob).post("rooms/direct/", {"user_identity": alice.pk})
    seen_by_bob = room_body(room, "member", name="Alice", peer=public(alice), **seen)
    assert (again.status_code, again.json()) == (200, seen_by_bob)
    assert roles(room) == {alice.pk: "member", bob.pk: "member"}


@pytest.mark.parametrize("repeat", range(20))
def test_both_sides_at_once_get_the_same_room(repeat: int) -> None:
    pair = [new_user("alice"), new_user("bob")]
    together = Barrier(2)

    def start(user: User, peer: User) -> tuple[Room, bool]:
        together.wait()
        return services.open_direct(inbox=inbox, user=user, peer_identity=peer.pk)

    with ThreadPoolExecutor(2) as threads:
        opened = list(threads.map(start, pair, reversed(pair)))
    (room,) = Room.objects.all()
    assert [found.pk for found, _created in opened] == [room.pk, room.pk]
    assert sorted(created for _found, created in opened) == [False, True]
    assert set(roles(room)) == {user.pk for user in pair}


def test_a_half_made_conversation_is_completed(alice: User, bob: User) -> None:
    """The process that created the room may have died before both were members."""
    room, _created = services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    Member.objects.filter(user=bob).delete()
    assert services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk) == (room, False)
    assert set(roles(room)) == {alice.pk, bob.pk}


def test_nobody_talks_to_themselves(alice: User) -> None:
    answer = Api(alice).post("rooms/direct/", {"user_identity": alice.pk})
    assert answer.status_code == 400
    assert answer.json() == refused("You can't start a conversation with yourself.")
    assert not Room.objects.exists()


def test_an_unknown_person_is_not_found(alice: User) -> None:
    answer = Api(alice).post("rooms/direct/", {"user_identity": new_identity()})
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert not Room.objects.exists()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, invalid(user_identity=["This field is required."])),
        ({"user_identity": "A" * 24}, invalid(user_identity=NOT_AN_IDENTITY)),
        ({"user_identity": " " + "a" * 24}, invalid(user_identity=NOT_AN_IDENTITY)),
        ({"user_identity": "a" * 24 + "\n"}, invalid(user_identity=NOT_AN_IDENTITY)),
        ({"user_identity": "１" * 24}, invalid(user_identity=NOT_AN_IDENTITY)),
        ({"user_identity": ["a" * 24]}, invalid(user_identity=NOT_AN_IDENTITY)),
        ({"user_identity": {"$ne": None}}, invalid(user_identity=NOT_AN_IDENTITY)),
    ],
)
def test_a_malformed_person_is_a_bad_request(alice: User, body: Any, error: Any) -> None:
    answer = Api(alice).post("rooms/direct/", body)
    assert (answer.status_code, answer.json()) == (400, error)
