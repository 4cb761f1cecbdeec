"""Rooms of an earlier version: open, with their whole history for everybody, as they were."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import IntegrityError, connection

from accounts.models import User
from chat import inbox
from chat.services import send_message
from imsystem.loops import run_on_loop
from rooms import services
from rooms.models import Ban, Member, Room
from tests.api import Api
from tests.conftest import new_user

ROOM, BEFORE = "6b031b0ac56c19ed2c842400", 1_790_000_000_000
TIMES = {"created_at": BEFORE, "updated_at": BEFORE}


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Provides an empty database of its own (as in tests/accounts/test_migrations.py)."""
    usual, client = connection.database, connection.connection
    client.drop_database("im_test_migrations")
    connection.database = client["im_test_migrations"]
    monkeypatch.setitem(connection.settings_dict, "NAME", "im_test_migrations")
    ContentType.objects.clear_cache()
    yield
    client.drop_database("im_test_migrations")
    connection.database = usual
    ContentType.objects.clear_cache()


def room_of_0002() -> dict[str, Any]:
    return {
        "_id": ROOM, **TIMES, "number": "48151623", "name": "Kitchen", "info": "",
        "user_identity": "6" * 24, "kind": "group", "last_seq": 5, "revision": 0,
    }  # fmt: skip


def member_of_0002(user: User, **fields: Any) -> dict[str, Any]:
    return {
        "_id": user.pk[::-1], **TIMES, "user_identity": user.pk, "room_identity": ROOM,
        "message_identity": "", "role": "member", "read_seq": 5, "joined_seq": 5,
        "muted_until": 0, **fields,
    }  # fmt: skip


def departure_of_0002(user: User) -> dict[str, Any]:
    return {"_id": "d" * 24, **TIMES, "user_identity": user.pk, "room_identity": ROOM}


@pytest.fixture
def people(scratch: None) -> dict[str, User]:
    call_command("migrate", verbosity=0)
    call_command("migrate", "rooms", "0002_departures", verbosity=0)
    people = {name: new_user(name) for name in ("owner", "muted", "gone", "stranger")}
    connection.get_collection("room_basic").insert_one(room_of_0002())
    connection.get_collection("user_room").insert_many(
        [
            member_of_0002(people["owner"], role="owner", joined_seq=0),
            member_of_0002(people["muted"], muted_until=2**50),
        ]
    )
    connection.get_collection("room_departure").insert_one(departure_of_0002(people["gone"]))
    call_command("migrate", verbosity=0)
    return people


def documents(collection: str) -> list[dict[str, Any]]:
    return list(connection.get_collection(collection).find(sort=[("role", 1), ("_id", 1)]))


def test_every_document_has_the_new_fields(people: dict[str, User]) -> None:
    rules = {"join_rule": "open", "history": "all"}
    assert documents("room_basic") == [room_of_0002() | rules]
    new = {"floor_seq": 0, "muted_at": 0} | {
        "added_by": "", "offers_to": "", "offers_until": 0, "inherited": False,
        "owner_since": 0, "passing_to": "", "passing_at": 0, "hidden": False, "cleared_seq": 0,
    }  # fmt: skip
    assert documents("user_room") == [
        member_of_0002(people["muted"], muted_until=2**50) | new,
        member_of_0002(people["owner"], role="owner", joined_seq=0) | new,
    ]
    mute = {"muted_until": 0, "muted_at": 0}
    assert documents("room_departure") == [departure_of_0002(people["gone"]) | mute]


def test_rules_hold_for_them(people: dict[str, User]) -> None:
    """An old mute survives leaving, an old room is joined by its number, its history can be
    read."""
    owner, muted = people["owner"], people["muted"]
    fields = {"user_identity": owner.pk, "room_identity": ROOM}
    run_on_loop(send_message(**fields, client_id="c", data="x"))
    services.leave(user=muted, room_identity=ROOM)
    services.join(inbox=inbox, user=muted, number="4815 1623")
    assert Member.objects.get(user=muted).muted_until == 2**50
    services.join(inbox=inbox, user=people["gone"], number="48151623")
    assert Member.objects.get(user=people["gone"]).muted_until == 0
    page = Api(people["gone"]).get(f"rooms/{ROOM}/messages/").json()
    assert [message["data"] for message in page["messages"]] == ["x"]


def test_one_ban_for_each_person(people: dict[str, User]) -> None:
    fields = {"room_identity": ROOM, "user_identity": "1" * 24, "actor_identity": "2" * 24}
    Ban(kind="kick", **fields).save(force_insert=True)
    with pytest.raises(IntegrityError):
        Ban(kind="ban", **fields).save(force_insert=True)


def test_every_group_has_one_owner(scratch: None) -> None:
    """Those without one get the admin, or else the member, who has been there for longest."""
    call_command("migrate", verbosity=0)
    call_command("migrate", "rooms", "0003_rights", verbosity=0)
    first, second, third = (new_user(name) for name in ("first", "second", "third"))
    roles = {
        "fine": ("member", "owner", "member"),
        "none": ("member", "admin", "admin"),
        "members": ("member", "member", "member"),
        "two": ("admin", "owner", "owner"),
    }
    rooms = {name: str(number) * 24 for number, name in enumerate(roles)}
    rules = {"kind": "group", "join_rule": "open", "history": "all"}
    connection.get_collection("room_basic").insert_many(
        [
            room_of_0002() | rules | {"_id": room, "number": str(20_000_000 + number)}
            for number, room in enumerate(rooms.values())
        ]
    )
    new = {"floor_seq": 0, "muted_at": 0, "muted_until": 7}
    connection.get_collection("user_room").insert_many(
        [
            member_of_0002(user, role=role)
            | new
            | {"_id": f"{room[0]}{place}" + "a" * 22, "room_identity": room, "created_at": place}
            for name, room in rooms.items()
            for place, (user, role) in enumerate(
                zip((first, second, third), roles[name], strict=True)
            )
        ]
    )
    call_command("migrate", verbosity=0)
    found = {
        name: tuple(
            Member.objects.filter(room_id=room)
            .order_by("created_at")
            .values_list("role", "inherited", "muted_until")
        )
        for name, room in rooms.items()
    }
    member, admin = ("member", False, 7), ("admin", False, 7)
    assert found == {
        "fine": (member, ("owner", False, 7), member),
        "none": (member, ("owner", True, 0), admin),
        "members": (("owner", True, 0), member, member),
        "two": (admin, ("owner", False, 0), admin),
    }


def test_migrating_again_changes_nothing(people: dict[str, User]) -> None:
    before = documents("room_basic"), documents("user_room"), documents("room_departure")
    call_command("migrate", verbosity=0)
    assert (documents("room_basic"), documents("user_room"), documents("room_departure")) == before
    assert Room.objects.count() == 1
