"""The download of one's own data: complete, nobody else's, and streamed."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from secrets import token_hex
from typing import Any

import pytest
from django.test import AsyncClient
from time_machine import Traveller

from accounts import services
from accounts.models import User
from accounts.services import export
from chat import inbox
from chat.services import edit_message, recall_message, send_message
from imsystem.clock import now_ms
from imsystem.errors import BadRequest, RateLimited
from imsystem.loops import run_on_loop
from imsystem.threads import run_in_thread
from rooms import services as rooms
from rooms.models import Departure, Member, Room
from tests.accounts.conftest import PASSWORD, make_user
from tests.accounts.phone import enrol
from tests.api import Api, bad_request, invalid, own, problem

PATH = "users/me/data/"
BAD_PASSWORD = bad_request(password=["This is not your current password."])


async def chunks_of(user: User) -> list[bytes]:
    pieces = await run_in_thread(services.export_data, user=user, password=PASSWORD)
    return [piece async for piece in pieces]


async def exported(user: User) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(b"".join(await chunks_of(user)))
    return document


def say(user: User, room: Room, *texts: str) -> list[dict[str, Any]]:
    return [
        dict(
            run_on_loop(
                send_message(
                    user_identity=user.pk,
                    room_identity=room.pk,
                    client_id=token_hex(8),  # in no order
                    data=text,
                )
            ).message
        )
        for text in texts
    ]


def line(room: Room, user: User, **changes: Any) -> dict[str, Any]:
    """Returns a room in the export."""
    member = Member.objects.get(room=room, user=user)
    return {
        "identity": room.pk,
        "number": room.number,
        "name": room.name,
        "kind": room.kind,
        "role": member.role,
        "joined_at": member.created_at,
        "joined_seq": 0,
        "read_seq": 0,
        "muted_until": 0,
        **changes,
    }


async def test_the_whole_document(alice: User, bob: User) -> None:
    def prepare() -> tuple[Api, Room, Room]:
        session = Api(alice)
        direct, _created = rooms.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
        Member.objects.filter(room=direct).update(created_at=1)
        return session, direct, rooms.create_group(creator=alice, name="Bar", members=[bob.pk])

    api, direct, group = await run_in_thread(prepare)
    (message,) = await run_in_thread(say, alice, group, "你好 hello")
    await run_in_thread(say, bob, group, "not mine")
    started = now_ms()
    document = await exported(alice)
    session = api.session
    assert started <= document["exported_at"] <= now_ms()
    assert document == {
        "format": 1,
        "exported_at": document["exported_at"],
        "profile": {**await run_in_thread(own, alice), "updated_at": alice.updated_at},
        "devices": [
            {
                "identity": session.pk,
                "name": "",
                "device": "test",
                "client": document["devices"][0]["client"],
                "ip": "10.0.0.1",
                "created_at": session.created_at,
                "last_used_at": session.last_used_at,
                "expires_at": session.expires_at,
                "current": False,
                "revoked_at": None,
            }
        ],
        "pictures": [],
        "rooms": [
            await run_in_thread(line, direct, alice, name="Bob"),
            await run_in_thread(line, group, alice),
        ],
        "messages": [message],
        "edits": [],
    }


async def test_messages_of_rooms_one_has_left_of_every_kind(alice: User, bob: User) -> None:
    def prepare() -> dict[str, Room]:
        names = ("left", "kicked", "deleted", "closed")
        made = {
            name: rooms.create_group(creator=bob, name=name, members=[alice.pk])
            for name in names[:3]
        }
        made["closed"], _created = rooms.open_direct(inbox=inbox, user=bob, peer_identity=alice.pk)
        for name, room in made.items():
            say(alice, room, f"in {name}")
        rooms.leave(user=alice, room_identity=made["left"].pk)
        rooms.remove_member(user=bob, room_identity=made["kicked"].pk, peer_identity=alice.pk)
        rooms.delete_room(inbox=inbox, user=bob, room_identity=made["deleted"].pk)
        rooms.close_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
        # Joining and leaving repeatedly leaves one trace, not many.
        rooms.join(inbox=inbox, user=alice, number=made["left"].number)
        rooms.leave(user=alice, room_identity=made["left"].pk)
        return made

    made = await run_in_thread(prepare)
    document = await exported(alice)
    # A conversation is deleted from one's view only: the membership is kept, so it is exported.
    assert [room["identity"] for room in document["rooms"]] == [made["closed"].pk]
    found = {message["room_identity"]: message["data"] for message in document["messages"]}
    assert found == {room.pk: f"in {name}" for name, room in made.items()}
    assert len(document["messages"]) == 4
    assert await run_in_thread(Departure.objects.filter(user_identity=alice.pk).count) == 3


async def test_messages_are_in_order_and_in_their_present_form(alice: User, bob: User) -> None:
    room = await run_in_thread(rooms.create_group, creator=alice, name="Bar", members=[bob.pk])
    sent = await run_in_thread(say, alice, room, *(f"{(n * 7) % 12:02}" for n in range(12)))
    await edit_message(user_identity=alice.pk, message_identity=sent[3]["identity"], data="edited")
    await recall_message(user_identity=alice.pk, message_identity=sent[4]["identity"])
    messages = (await exported(alice))["messages"]
    assert [message["seq"] for message in messages] == list(range(1, 13))
    assert (messages[3]["data"], messages[4]["data"]) == ("edited", "")
    assert messages[4]["recalled_at"] is not None
    assert (await exported(bob))["messages"] == []


async def test_the_answer_is_a_file(alice: User) -> None:
    api = await run_in_thread(Api, alice)
    answer = await AsyncClient().post(
        f"/api/v1/{PATH}",
        json.dumps({"password": PASSWORD}),
        content_type="application/json",
        headers=api.headers,
    )
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    name = answer["Content-Disposition"]
    assert name.startswith('attachment; filename="imsystem-alice-')
    body = b"".join([piece async for piece in answer.streaming_content])
    assert json.loads(body)["profile"]["account"] == "alice"


async def test_the_page_gives_the_same_file(alice: User) -> None:
    client = AsyncClient()
    await client.aforce_login(alice)
    refused = await client.post("/accounts/data/", {"password": "wrong"})
    assert (refused.status_code, refused.streaming) == (200, False)
    answer = await client.post("/accounts/data/", {"password": PASSWORD})
    body = b"".join([piece async for piece in answer.streaming_content])
    assert json.loads(body)["profile"]["account"] == "alice"


def test_a_wrong_password_gives_nothing(alice: User) -> None:
    refused = Api(alice).post(PATH, {"password": "wrong"})
    assert (refused.status_code, refused.json()) == (400, BAD_PASSWORD)
    assert Api(alice).post(PATH, {}).json() == invalid(password=["This field is required."])


def test_the_second_factor_is_asked_for(alice: User, clock: Traveller) -> None:
    phone = enrol(alice, clock)
    with pytest.raises(BadRequest) as error:
        services.export_data(user=alice, password=PASSWORD)
    assert list(error.value.errors) == ["otp"]
    services.export_data(user=alice, password=PASSWORD, otp=phone.code())


def test_five_times_an_hour_for_each_person(alice: User, bob: User, clock: Traveller) -> None:
    for _ in range(5):
        services.export_data(user=alice, password=PASSWORD)
    with pytest.raises(RateLimited) as error:
        services.export_data(user=alice, password=PASSWORD)
    assert 3_590 <= error.value.retry_after <= 3_600
    services.export_data(user=bob, password=PASSWORD)
    clock.shift(timedelta(seconds=3_601))
    services.export_data(user=alice, password=PASSWORD)


def test_too_often_is_told_before_anything_is_sent(alice: User) -> None:
    for _ in range(5):
        services.export_data(user=alice, password=PASSWORD)
    refused = Api(alice).post(PATH, {"password": PASSWORD})
    detail = "Too many requests. Please try again later."
    assert refused.json() == problem(429, "Too Many Requests", "rate_limited", detail)
    assert int(refused["Retry-After"]) > 3_500


# --- streaming ------------------------------------------------------------------------------


@pytest.fixture
def much(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Returns a list of 10,000 items of 100 bytes; the counter grows as they are read."""
    read: list[int] = []

    async def source(_user: User) -> AsyncIterator[dict[str, Any]]:
        for number in range(10_000):
            read.append(number)
            yield {"number": number, "text": "x" * 80}

    monkeypatch.setattr(export, "_sources", {"much": source})
    return read


async def test_no_piece_waits_for_the_rest(alice: User, much: list[int]) -> None:
    pieces = await run_in_thread(services.export_data, user=alice, password=PASSWORD)
    first = await anext(pieces)
    assert export.CHUNK <= len(first) <= export.CHUNK + 200
    assert len(much) < 1_000
    rest = [piece async for piece in pieces]
    assert len(json.loads(first + b"".join(rest))["much"]) == 10_000
    assert max(map(len, rest)) <= export.CHUNK + 200


async def test_an_error_on_the_way_is_no_whole_document(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def source(_user: User) -> AsyncIterator[dict[str, Any]]:
        yield {"number": 1}
        raise RuntimeError("the database is away")

    monkeypatch.setattr(export, "_sources", {"much": source})
    monkeypatch.setattr(export, "CHUNK", 1)
    pieces = await run_in_thread(services.export_data, user=alice, password=PASSWORD)
    got = b""
    while b'"number":1' not in got:
        got += await anext(pieces)
    with pytest.raises(RuntimeError):
        await anext(pieces)
    with pytest.raises(json.JSONDecodeError):
        json.loads(got)


def test_nobody_exports_for_others(alice: User, bob: User) -> None:
    """Other users' data has no address."""
    make_user("carol")
    assert Api(alice).post(f"users/{bob.pk}/data/", {"password": PASSWORD}).status_code == 404
