"""`manage.py seed_demo`: a world made through the services, once."""

from collections import Counter
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pymongo.errors import AutoReconnect

from accounts import services
from accounts.models import User
from chat.inbox import room_list
from chat.management.commands import _demo_texts as texts
from chat.models import Message
from chat.policies import valid_data
from imsystem.errors import BadRequest
from rooms import services as rooms
from rooms.models import Member, Room
from rooms.text import valid_info, valid_name

SMALL = {"users": 8, "rooms": 2, "messages": 50}


def seed(**options: Any) -> dict[str, str]:
    """Runs the command and returns {account: password} as printed."""
    output = StringIO()
    call_command("seed_demo", yes=True, verbosity=0, stdout=output, **{**SMALL, **options})
    header, *rows = output.getvalue().splitlines()
    assert header.split() == ["account", "nickname", "password"]
    return {row.split()[0]: row.split("  ")[-1].strip() for row in rows}


def counts() -> tuple[int, int, int, int]:
    models = (User, Room, Member, Message)
    return tuple(model.objects.count() for model in models)  # type: ignore[return-value]


def test_a_world_of_the_size_asked_for() -> None:
    printed = seed()
    assert counts() == (8, 2 + 2, 2 * 8 + 2 * 2, 50)
    assert list(printed) == ["alice", "bob", "carol"]
    for account, password in printed.items():
        signed_in = services.check_credentials(account=account, password=password, ip="10.0.0.1")
        assert signed_in.email == f"{account}@demo.example"
    assert not User.objects.get(account="li.wei").has_usable_password()


def test_messages_are_in_order_and_alice_has_some_to_read() -> None:
    seed()
    for room in Room.objects.all():
        told = Message.objects.filter(room_identity=room.pk).order_by("seq")
        assert [message.seq for message in told] == list(range(1, len(told) + 1))
        assert [message.client_id for message in told] == [f"demo-{n}" for n in range(len(told))]
    for account, unread in (("alice", 3), ("bob", 0), ("li.wei", 0)):
        for seen in room_list(User.objects.get(account=account)):
            assert seen["unread"] == unread


def test_running_it_again_adds_nothing() -> None:
    first = seed()
    before = counts()
    again = seed()
    assert counts() == before
    assert set(again) == set(first)
    assert set(again.values()) == {"(as printed before)"}


def test_a_bigger_world_grows_out_of_a_smaller_one() -> None:
    seed()
    seed(users=30, rooms=3, messages=100)
    assert counts()[0] == 30
    assert counts()[1] == 3 + 2
    assert User.objects.filter(account="alice-2", nickname="Alice Chen 2").exists()
    assert Counter(
        Room.objects.filter(kind="group").values_list("name", flat=True)
    ) == dict.fromkeys(["Kitchen 厨房", "Weekend hike 周末爬山", "Release 2.0"], 1)


def test_the_demo_does_not_speak_for_a_real_alice() -> None:
    services.add_user(account="alice", email="alice@example.org")
    printed = seed()
    assert list(printed) == ["bob", "carol", "li.wei"]
    assert not Member.objects.filter(user__account="alice").exists()


def test_who_has_left_since_is_passed_over() -> None:
    seed(messages=0)
    bob = User.objects.get(account="bob")
    room = Room.objects.get(name="Kitchen 厨房")
    rooms.leave(user=bob, room_identity=room.pk)
    seed()
    assert not Message.objects.filter(room_identity=room.pk, user_identity=bob.pk).exists()
    assert Message.objects.filter(room_identity=room.pk).exists()


@pytest.mark.parametrize("debug", [True, False])
def test_a_database_of_ones_own_wants_a_confirmation(settings: Any, debug: bool) -> None:
    settings.DEBUG = debug
    options = {"stdout": StringIO(), "verbosity": 0, **SMALL, "messages": 0}
    if debug:
        call_command("seed_demo", **options)
        assert User.objects.count() == 8
        return
    with pytest.raises(CommandError, match=r"database at MONGODB_URL\. Sure\? Add --yes"):
        call_command("seed_demo", **options)
    assert not User.objects.exists()


def test_the_embedded_database_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MONGODB_URL")
    call_command("seed_demo", stdout=StringIO(), verbosity=0, **{**SMALL, "messages": 0})
    assert User.objects.count() == 8


@pytest.mark.parametrize("option", ["--users=2", "--rooms=0", "--messages=-1", "--users=x"])
def test_impossible_sizes_are_refused(option: str) -> None:
    with pytest.raises(CommandError):
        call_command("seed_demo", option, yes=True)


def test_an_outage_gets_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_fields: Any) -> None:
        raise AutoReconnect("nobody there")

    monkeypatch.setattr("chat.management.commands.seed_demo.add_user", fail)
    with pytest.raises(CommandError, match=r"Start the system first: python manage\.py up"):
        seed()


def test_the_texts_pass_the_services_rules() -> None:
    for name, info in texts.rooms(12):
        assert (valid_name(name), valid_info(info)) == (name, info)
    for dialogue in texts.DIALOGUES:
        assert all(valid_data(text) == text for _speaker, text in dialogue)
    assert [sum(texts.shares(total, 7)) for total in (0, 6, 7, 200)] == [0, 6, 7, 200]


# --- the service it adds people with --------------------------------------------------------


def test_an_administrator_adds_people_by_the_rules_of_registering() -> None:
    user = services.add_user(account=" Dana ", email="Dana@Example.org", password="a long one 1")
    assert (user.account, user.email, user.nickname) == ("dana", "dana@example.org", "dana")
    assert user.check_password("a long one 1")
    for wrong in (
        {"account": "admin", "email": "x@example.org"},
        {"account": "dana", "email": "x@example.org"},
        {"account": "eve", "email": "DANA@example.org"},
        {"account": "eve", "email": "nonsense"},
        {"account": "eve", "email": "x@example.org", "nickname": "\u202e"},
        {"account": "eve", "email": "x@example.org", "password": "short"},
    ):
        with pytest.raises(BadRequest):
            services.add_user(**wrong)
    assert User.objects.count() == 1
