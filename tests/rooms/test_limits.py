"""Limits: how many rooms a user is in, how many members a room has, how many rooms are created in
an hour."""

from typing import Any

import pytest
import redis.exceptions

from accounts.models import User
from chat import inbox
from imsystem import limits
from imsystem.env import UNLIMITED, Rate
from imsystem.limits import Limit, lifted
from rooms import services
from rooms.models import Member, Room
from tests.api import Api, forbidden
from tests.conftest import new_user

FULL = forbidden("This group is full.")
TOO_MANY_ROOMS = forbidden("You are in too many groups. Leave one first.")
THEY_TOO = forbidden("This person is in too many groups.")


@pytest.fixture
def alice() -> User:
    return new_user("alice")


@pytest.fixture
def bob() -> User:
    return new_user("bob")


@pytest.fixture
def carol() -> User:
    return new_user("carol")


def group(owner: User, *members: User) -> Room:
    identities = [member.pk for member in members]
    return services.create_group(creator=owner, name="Kitchen", members=identities)


def counts() -> tuple[int, int]:
    return Room.objects.count(), Member.objects.count()


def outcome(answer: Any) -> tuple[int, Any]:
    return answer.status_code, answer.json()


class TestMembers:
    @pytest.fixture(autouse=True)
    def _cap(self, settings: Any) -> None:
        settings.MEMBERS_PER_ROOM = 2

    def test_a_full_room_takes_nobody(self, alice: User, bob: User, carol: User) -> None:
        room = group(alice, bob)
        before = counts()
        joining = Api(carol).post("rooms/join/", {"number": room.number})
        adding = Api(alice).post(f"rooms/{room.pk}/members/", {"user_identity": carol.pk})
        making = Api(alice).post("rooms/", {"name": "x", "members": [bob.pk, carol.pk]})
        assert [outcome(answer) for answer in (joining, adding, making)] == [(403, FULL)] * 3
        assert counts() == before

    def test_who_is_in_it_already(self, alice: User, bob: User) -> None:
        room = group(alice, bob)
        assert Api(bob).post("rooms/join/", {"number": room.number}).status_code == 200
        body = {"user_identity": bob.pk}
        assert Api(alice).post(f"rooms/{room.pk}/members/", body).status_code == 201

    def test_a_place_that_is_free_again(self, alice: User, bob: User, carol: User) -> None:
        room = group(alice, bob)
        services.leave(user=bob, room_identity=room.pk)
        assert Api(carol).post("rooms/join/", {"number": room.number}).status_code == 200

    def test_zero_is_no_limit(self, settings: Any, alice: User, bob: User, carol: User) -> None:
        settings.MEMBERS_PER_ROOM = 0
        assert Member.objects.filter(room=group(alice, bob, carol)).count() == 3


class TestRooms:
    @pytest.fixture(autouse=True)
    def _cap(self, settings: Any) -> None:
        settings.ROOMS_PER_USER = 2

    def test_nobody_enters_a_third(self, alice: User, bob: User, carol: User) -> None:
        bobs = group(bob)
        group(alice)
        group(alice)
        before = counts()
        making = Api(alice).post("rooms/", {"name": "x"})
        joining = Api(alice).post("rooms/join/", {"number": bobs.number})
        talking = Api(alice).post("rooms/direct/", {"user_identity": carol.pk})
        refused = [outcome(answer) for answer in (making, joining, talking)]
        assert refused == [(403, TOO_MANY_ROOMS)] * 3
        assert counts() == before

    def test_nor_is_put_there(self, alice: User, bob: User) -> None:
        bobs = group(bob)
        group(alice)
        group(alice)
        before = counts()
        adding = Api(bob).post(f"rooms/{bobs.pk}/members/", {"user_identity": alice.pk})
        making = Api(bob).post("rooms/", {"name": "x", "members": [alice.pk]})
        assert [outcome(answer) for answer in (adding, making)] == [(403, THEY_TOO)] * 2
        assert counts() == before

    def test_others_may_still_talk_to_them(self, alice: User, bob: User) -> None:
        group(alice)
        group(alice)
        opened = Api(bob).post("rooms/direct/", {"user_identity": alice.pk})
        assert opened.status_code == 201
        assert Api(alice).post("rooms/direct/", {"user_identity": bob.pk}).status_code == 200


class TestNewRooms:
    @pytest.fixture(autouse=True)
    def _two(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in ("groups", "direct"):
            limit = Limit.at("rooms", Rate(2, 60))
            monkeypatch.setattr(f"rooms.services.{module}.NEW_ROOMS", limit)

    def test_groups_and_conversations_count(self, alice: User, bob: User, carol: User) -> None:
        group(alice)
        services.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
        before = counts()
        for path, body in (
            ("rooms/", {"name": "x"}),
            ("rooms/direct/", {"user_identity": carol.pk}),
        ):
            answer = Api(alice).post(path, body)
            assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert counts() == before
        assert Api(alice).post("rooms/direct/", {"user_identity": bob.pk}).status_code == 200
        assert Api(bob).post("rooms/", {"name": "x"}).status_code == 201

    def test_what_is_refused_does_not_count(self, alice: User) -> None:
        for _ in range(3):
            assert Api(alice).post("rooms/", {"name": ""}).status_code == 400
        assert Api(alice).post("rooms/", {"name": "x"}).status_code == 201

    def test_commands_are_not_limited(self, alice: User) -> None:
        with lifted():
            for _ in range(4):
                group(alice)
        assert Api(alice).post("rooms/", {"name": "x"}).status_code == 201


class TestLimit:
    def test_off(self) -> None:
        for _ in range(5):
            Limit.at("anything", UNLIMITED).take("alice")

    def test_without_redis(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def away(*arguments: object) -> None:
            raise redis.exceptions.ConnectionError

        monkeypatch.setattr(limits._limiter(), "hit", away)
        Limit.at("anything", Rate(1, 60), lenient=True).take("alice")
        with pytest.raises(redis.exceptions.ConnectionError):
            Limit.at("anything", Rate(1, 60)).take("alice")
