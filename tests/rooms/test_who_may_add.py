"""Nobody is put into a room against their will: who_may_add, at every door."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chat import inbox
from imsystem.errors import Forbidden
from rooms import policies, services
from rooms.models import Member, Room
from rooms.selectors import contacts_among
from rooms.services.admission import must_agree
from rooms.services.admission import people as named
from tests.api import Api, forbidden
from tests.conftest import Cast, new_user
from tests.rooms.bodies import member_body

REFUSED = forbidden("This person's privacy settings don't allow this.")


@pytest.fixture
def alice() -> User:
    return new_user("alice")


@pytest.fixture
def bob() -> User:
    return new_user("bob")


def let(user: User, who: str) -> None:
    User.objects.filter(pk=user.pk).update(who_may_add=who)


def talk(one: User, other: User) -> Room:
    return services.open_direct(inbox=inbox, user=one, peer_identity=other.pk)[0]


def add(cast: Cast, who: User) -> Any:
    return Api(cast.admin).post(f"rooms/{cast.room.pk}/members/", {"user_identity": who.pk})


def is_member(room: Room, user: User) -> bool:
    return Member.objects.filter(room=room, user=user).exists()


@pytest.mark.parametrize(
    ("who", "by_stranger", "by_contact"),
    [("everyone", True, True), ("contacts", False, True), ("nobody", False, False)],
)
def test_the_rule(who: str, by_stranger: bool, by_contact: bool) -> None:
    for contact, allowed in ((False, by_stranger), (True, by_contact)):
        if allowed:
            policies.require_addable(who, contact=contact)
        else:
            with pytest.raises(Forbidden):
                policies.require_addable(who, contact=contact)


# --- groups ---------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["contacts", "nobody"])
def test_strangers_cannot_add_one_to_a_group(cast: Cast, who: str) -> None:
    let(cast.outsider, who)
    refused = add(cast, cast.outsider)
    assert (refused.status_code, refused.json()) == (403, REFUSED)
    assert not is_member(cast.room, cast.outsider)


def test_contacts_can_if_one_lets_them(cast: Cast) -> None:
    talk(cast.admin, cast.outsider)
    let(cast.outsider, "contacts")
    assert add(cast, cast.outsider).status_code == 201


def test_nobody_can_if_one_lets_nobody(cast: Cast) -> None:
    talk(cast.admin, cast.outsider)
    let(cast.outsider, "nobody")
    assert add(cast, cast.outsider).json() == REFUSED


def test_a_conversation_with_somebody_else_counts_for_nothing(cast: Cast) -> None:
    talk(cast.owner, cast.outsider)
    let(cast.outsider, "contacts")
    assert add(cast, cast.outsider).json() == REFUSED


def test_a_conversation_that_was_closed_counts_no_more(cast: Cast) -> None:
    talk(cast.admin, cast.outsider)
    services.close_direct(inbox=inbox, user=cast.admin, peer_identity=cast.outsider.pk)
    let(cast.outsider, "contacts")
    assert add(cast, cast.outsider).json() == REFUSED


def test_adding_a_member_again_is_no_error_whatever_they_want_now(cast: Cast) -> None:
    let(cast.member, "nobody")
    again = add(cast, cast.member)
    expected = member_body(cast.room, User.objects.get(pk=cast.member.pk))
    assert (again.status_code, again.json()) == (201, expected)


def test_one_joins_by_oneself_all_the_same(cast: Cast) -> None:
    let(cast.outsider, "nobody")
    assert Api(cast.outsider).post("rooms/join/", {"number": cast.room.number}).status_code == 200


def test_a_new_group_with_somebody_who_refuses_is_not_made(alice: User, bob: User) -> None:
    willing = new_user("willing")
    let(bob, "contacts")
    body = {"name": "Bar", "members": [willing.pk, bob.pk]}
    refused = Api(alice).post("rooms/", body)
    assert (refused.status_code, refused.json()) == (403, REFUSED)
    assert not Room.objects.exists()
    talk(bob, alice)
    assert Api(alice).post("rooms/", body).status_code == 201


def test_who_makes_a_group_does_not_refuse_themself(alice: User) -> None:
    let(alice, "nobody")
    made = Api(alice).post("rooms/", {"name": "Bar", "members": [alice.pk]})
    assert made.status_code == 201


def test_asking_takes_one_query_however_many_there_are(alice: User) -> None:
    def queries(count: int) -> int:
        people = [new_user(f"p{count}-{number}") for number in range(count)]
        for person in people:
            talk(person, alice)
            let(person, "contacts")
        with CaptureQueriesContext(connection) as captured:
            must_agree(alice, named([p.pk for p in people], "members", alice))
        return len(captured)

    assert queries(3) == queries(12) == 2


# --- conversations --------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["contacts", "nobody"])
def test_strangers_cannot_start_a_conversation(alice: User, bob: User, who: str) -> None:
    let(bob, who)
    refused = Api(alice).post("rooms/direct/", {"user_identity": bob.pk})
    assert (refused.status_code, refused.json()) == (403, REFUSED)
    assert not Room.objects.exists()
    assert not Member.objects.exists()


@pytest.mark.parametrize("who", ["contacts", "nobody"])
def test_a_conversation_that_there_is_opens(alice: User, bob: User, who: str) -> None:
    room = talk(alice, bob)
    let(bob, who)
    again = Api(alice).post("rooms/direct/", {"user_identity": bob.pk})
    assert (again.status_code, again.json()["identity"]) == (200, room.pk)


def test_who_lets_nobody_starts_conversations_themself(alice: User, bob: User) -> None:
    let(bob, "nobody")
    made = Api(bob).post("rooms/direct/", {"user_identity": alice.pk})
    assert made.status_code == 201
    assert Api(alice).post("rooms/direct/", {"user_identity": bob.pk}).status_code == 200


def test_a_closed_conversation_is_a_new_one_for_who_refuses(alice: User, bob: User) -> None:
    room = talk(alice, bob)
    services.close_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    services.close_direct(inbox=inbox, user=bob, peer_identity=alice.pk)
    let(bob, "contacts")
    assert Api(alice).post("rooms/direct/", {"user_identity": bob.pk}).json() == REFUSED
    assert not Member.objects.filter(room=room, hidden=False).exists()


@pytest.mark.parametrize("repeat", range(20))
def test_refusing_and_being_added_at_once_leaves_one_of_both(repeat: int) -> None:
    """The user is in the room or not: never an error on the way, never half a conversation."""
    alice, bob = new_user("alice"), new_user("bob")

    def start() -> bool:
        try:
            talk(alice, bob)
        except Forbidden:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        started = pool.submit(start)
        pool.submit(let, bob, "nobody").result()
        members = {alice.pk, bob.pk} if started.result() else set()
    assert set(Member.objects.values_list("user_id", flat=True)) == members


def test_contacts_are_those_with_whom_one_talks(alice: User, bob: User) -> None:
    stranger = new_user("stranger")
    talk(alice, bob)
    services.create_group(creator=alice, name="Bar", members=[stranger.pk])
    assert contacts_among(alice.pk, [bob.pk, stranger.pk]) == {bob.pk}
    assert contacts_among(bob.pk, [alice.pk, stranger.pk]) == {alice.pk}
    Member.objects.filter(user=bob).delete()  # half a conversation
    assert contacts_among(alice.pk, [bob.pk]) == set()
