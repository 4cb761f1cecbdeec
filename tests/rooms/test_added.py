"""Being put into groups by others has caps of its own, and is undone in one go."""

from typing import Any

import pytest

from accounts.models import User
from accounts.services import delete_account
from chat import inbox
from imsystem.clock import now_ms
from rooms import services
from rooms.models import Member, Room
from tests.api import Api, forbidden, public
from tests.conftest import hand_over, new_user
from tests.pages.conftest import browser, field_errors, text

THEY_TOO = forbidden("This person is in too many groups.")
BY_ONE = forbidden("You have added this person to too many groups.")


def put(by: User, user: User) -> Room:
    return services.create_group(creator=by, name="x", members=[user.pk])


@pytest.fixture
def alice() -> User:
    return new_user("alice")


@pytest.fixture
def bob() -> User:
    return new_user("bob")


def test_it_has_a_cap_of_its_own(settings: Any, alice: User, bob: User) -> None:
    """Who is put into groups can still make, join and open what they like."""
    settings.ROOMS_ADDED_PER_USER = 2
    first = put(bob, alice)
    put(new_user("carol"), alice)
    other = services.create_group(creator=bob, name="y")
    adding = Api(bob).post(f"rooms/{other.pk}/members/", {"user_identity": alice.pk})
    making = Api(bob).post("rooms/", {"name": "x", "members": [alice.pk]})
    assert [(a.status_code, a.json()) for a in (adding, making)] == [(403, THEY_TOO)] * 2
    services.join(inbox=inbox, user=alice, number=other.number)
    services.create_group(creator=alice, name="mine")
    services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    services.leave(user=alice, room_identity=first.pk)
    assert put(bob, alice)


def test_and_one_for_each_who_adds(settings: Any, alice: User, bob: User) -> None:
    settings.ROOMS_ADDED_BY_ONE = 1
    put(bob, alice)
    other = services.create_group(creator=bob, name="y")
    adding = Api(bob).post(f"rooms/{other.pk}/members/", {"user_identity": alice.pk})
    assert (adding.status_code, adding.json()) == (403, BY_ONE)
    assert put(new_user("carol"), alice)
    assert services.join(inbox=inbox, user=alice, number=other.number)


def test_what_others_do_does_not_use_up_ones_own(settings: Any, alice: User, bob: User) -> None:
    settings.ROOMS_PER_USER = 2
    put(bob, alice)
    put(bob, alice)
    assert services.create_group(creator=alice, name="mine")
    assert services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    assert Api(alice).post("rooms/", {"name": "x"}).status_code == 403


def test_all_of_it_is_undone_in_one_go(alice: User, bob: User) -> None:
    carol = new_user("carol")
    for by in (bob, bob, carol):
        put(by, alice)
    own = services.create_group(creator=alice, name="mine")
    joined = services.create_group(creator=bob, name="joined")
    services.join(inbox=inbox, user=alice, number=joined.number)
    owned = put(bob, alice)
    hand_over(bob, owned, alice)
    direct, _created = services.open_direct(inbox=inbox, user=bob, peer_identity=alice.pk)
    api = Api(alice)
    left = [
        api.post("rooms/added/leave/", {"user_identity": bob.pk}).json(),
        api.post("rooms/added/leave/").json(),
        api.post("rooms/added/leave/").json(),
    ]
    assert left == [{"left": 2}, {"left": 1}, {"left": 0}]
    rooms = set(Member.objects.filter(user=alice).values_list("room_id", flat=True))
    assert rooms == {own.pk, joined.pk, owned.pk, direct.pk}


@pytest.mark.parametrize("value", ["", "x", None, 1, {"$ne": None}])
def test_a_person_who_is_none(alice: User, bob: User, value: Any) -> None:
    put(bob, alice)
    answer = Api(alice).post("rooms/added/leave/", {"user_identity": value})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["user_identity"])
    assert Member.objects.filter(user=alice).count() == 1


def test_nobody_is_asked_for_by_others(alice: User, bob: User) -> None:
    put(bob, alice)
    assert Api(bob).post("rooms/added/leave/", {"user_identity": bob.pk}).json() == {"left": 0}
    assert Api().post("rooms/added/leave/").status_code == 401
    assert Member.objects.filter(user=alice).exists()


def test_the_page_undoes_it(alice: User, bob: User) -> None:
    """Without opening one of them, and asks first."""
    carol = new_user("carol")
    for by in (bob, bob, carol):
        put(by, alice)
    page = browser(alice)
    shown = text(page.get("/rooms/added/"))
    assert (bob.account in shown, "2 groups" in shown) == (True, True)
    of_bob = {"user_identity": bob.pk, "days": ""}
    asked = text(page.get("/rooms/added/", {**of_bob, "confirm": "leave"}))
    assert "You will leave the groups that Bob added you to" in asked
    assert "You have left 2 groups." in text(page.post("/rooms/added/", of_bob, follow=True))
    assert [row.added_by for row in Member.objects.filter(user=alice)] == [carol.pk]
    page.post("/rooms/added/", {"days": "7"})
    assert not Member.objects.filter(user=alice).exists()
    assert "not in any group" in text(page.get("/rooms/added/"))
    assert browser().get("/rooms/added/").status_code == 302


@pytest.mark.parametrize("days", ["0", "x", "-1", "3"])
def test_the_page_takes_no_other_days(alice: User, bob: User, days: str) -> None:
    put(bob, alice)
    assert "days" in field_errors(browser(alice).post("/rooms/added/", {"days": days}))
    assert Member.objects.filter(user=alice).exists()


def test_who_came_back_by_themselves_was_not_put_there(alice: User, bob: User) -> None:
    room = put(bob, alice)
    services.leave(user=alice, room_identity=room.pk)
    services.join(inbox=inbox, user=alice, number=room.number)
    assert services.leave_added(user=alice) == 0


def test_only_what_is_new(alice: User, bob: User) -> None:
    old, new = put(bob, alice), put(bob, alice)
    two_days_ago = now_ms() - 2 * 86_400_000
    Member.objects.filter(room=old, user=alice).update(created_at=two_days_ago)
    assert Api(alice).post("rooms/added/leave/", {"days": 1}).json() == {"left": 1}
    assert [row.room_id for row in Member.objects.filter(user=alice)] == [old.pk]
    assert not Member.objects.filter(user=alice, room=new).exists()


@pytest.mark.parametrize("days", ["", "x", None, 0, -1, 3_651, True, 1.5])
def test_days_that_are_none(alice: User, bob: User, days: Any) -> None:
    put(bob, alice)
    answer = Api(alice).post("rooms/added/leave/", {"days": days})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["days"])
    assert Member.objects.filter(user=alice).exists()


def test_who_has_added_me(alice: User, bob: User) -> None:
    carol = new_user("carol")
    put(bob, alice)
    put(bob, alice)
    put(carol, alice)
    Member.objects.filter(user=alice, added_by=carol.pk).update(created_at=2**50)
    Member.objects.filter(user=alice, added_by=bob.pk).update(created_at=2**49)
    assert Api(alice).get("rooms/added/").json() == {
        "results": [
            {"user": public(carol), "groups": 1, "added_at": 2**50},
            {"user": public(bob), "groups": 2, "added_at": 2**49},
        ]
    }
    assert Api(bob).get("rooms/added/").json() == {"results": []}
    assert Api().get("rooms/added/").status_code == 401


def test_groups_one_inherited_go_too(alice: User, bob: User) -> None:
    """An account that adds somebody to groups and is deleted leaves them the owner of all."""
    alone, shared = put(bob, alice), put(bob, alice)
    carol = new_user("carol")
    services.join(inbox=inbox, user=carol, number=shared.number)
    delete_account(user=bob)
    assert set(Member.objects.filter(user=alice).values_list("role", flat=True)) == {"owner"}
    assert Api(alice).post("rooms/added/leave/").json() == {"left": 2}
    assert not Room.objects.filter(pk=alone.pk).exists()
    assert Member.objects.get(room=shared).user_id == carol.pk
