"""Read receipts: told to the others, unless one of the two sides has switched them off."""

from collections.abc import Sequence
from time import monotonic
from typing import Any

import pytest

from accounts import privacy
from accounts import services as accounts
from accounts.models import User
from chat.presence import current_presence
from chat.services import mark_read, send_message
from chat.sweep import sweep
from imsystem.loops import run_on_loop
from imsystem.realtime import events as ev
from imsystem.realtime.hub import current_hub
from imsystem.realtime.topics import room_topic, user_topic
from imsystem.threads import run_in_thread
from rooms import services
from rooms.models import Member
from rooms.policies import can_see_receipts
from tests.api import Api
from tests.conftest import Cast
from tests.sockets import Socket, socket_of

CHOICES = [True, False]


def show(user: User, receipts: bool) -> None:
    accounts.update_profile(user=user, read_receipts=receipts)


async def say(cast: Cast, count: int = 1) -> None:
    for number in range(count):
        await send_message(
            user_identity=cast.owner.pk, room_identity=cast.room.pk, client_id=f"s{number}",
            data="x",
        )  # fmt: skip


async def heard(socket: Socket, kind: str = "room.read") -> list[dict[str, Any]]:
    """Returns the events of this kind that have reached the socket so far."""
    await socket.say(type="ping", id="end")
    frames = [await socket.hear()]
    while frames[-1].get("id") != "end":
        frames.append(await socket.hear())
    return [frame for frame in frames if frame["type"] == kind]


def receipt(cast: Cast, reader: User, seq: int) -> dict[str, Any]:
    return {
        "type": "room.read", "room_identity": cast.room.pk, "user_identity": reader.pk, "seq": seq,
    }  # fmt: skip


@pytest.mark.parametrize("reader_shows", CHOICES)
@pytest.mark.parametrize("other_shows", CHOICES)
def test_both_sides_must_show_theirs(reader_shows: bool, other_shows: bool) -> None:
    reader, other = User(read_receipts=reader_shows), User(read_receipts=other_shows)
    assert can_see_receipts(other, reader) == (reader_shows and other_shows)
    assert can_see_receipts(reader, reader)


@pytest.mark.parametrize("reader_shows", CHOICES)
@pytest.mark.parametrize("other_shows", CHOICES)
async def test_who_hears_of_it(cast: Cast, reader_shows: bool, other_shows: bool) -> None:
    await say(cast)
    await run_in_thread(show, cast.member, reader_shows)
    await run_in_thread(show, cast.owner, other_shows)
    sockets = socket_of(cast.member), socket_of(cast.member), socket_of(cast.owner)
    async with sockets[0] as phone, sockets[1] as laptop, sockets[2] as other:
        answer = await phone.ask("room.read", room_identity=cast.room.pk, seq=1)
        assert answer["seq"] == 1
        expected = [receipt(cast, cast.member, 1)]
        # The phone receives its own event before the ack, and `ask` has skipped it.
        assert await heard(laptop) == expected
        assert await heard(other) == (expected if reader_shows and other_shows else [])


async def test_one_hears_of_oneself_once(cast: Cast) -> None:
    await say(cast)
    async with socket_of(cast.member) as socket:
        await mark_read(user_identity=cast.member.pk, room_identity=cast.room.pk, seq=1)
        assert await heard(socket) == [receipt(cast, cast.member, 1)]


@pytest.mark.parametrize("who", ["reader", "other"])
async def test_a_new_setting_is_in_force_on_open_sockets(cast: Cast, who: str) -> None:
    await say(cast, 3)
    changing = cast.member if who == "reader" else cast.owner
    async with socket_of(cast.member) as reader, socket_of(cast.owner) as other:
        for seq, shown in ((1, True), (2, False), (3, True)):
            await run_in_thread(show, changing, shown)
            await settled()
            await reader.ask("room.read", room_identity=cast.room.pk, seq=seq)
            assert await heard(other) == ([receipt(cast, cast.member, seq)] if shown else [])


async def settled() -> None:
    """Waits until the sockets follow the settings of their users."""
    await current_presence().work(monotonic())


async def test_a_setting_that_nobody_heard_of_is_found_by_the_sweep(cast: Cast) -> None:
    await say(cast, 2)
    async with socket_of(cast.member) as reader, socket_of(cast.owner) as other:
        await run_in_thread(User.objects.filter(pk=cast.owner.pk).update, read_receipts=False)
        await sweep()
        await settled()
        await reader.ask("room.read", room_identity=cast.room.pk, seq=1)
        assert await heard(other) == []


# --- member lists ---------------------------------------------------------------------------


def read_seqs(viewer: User, cast: Cast) -> dict[str, int | None]:
    found = Api(viewer).get(f"rooms/{cast.room.pk}/members/").json()["results"]
    return {member["user"]["identity"]: member["read_seq"] for member in found}


def read_all(cast: Cast) -> None:
    Member.objects.filter(room=cast.room).update(read_seq=3)


def test_a_hidden_position_is_null_for_others_only(cast: Cast) -> None:
    read_all(cast)
    show(cast.member, False)
    everybody = [user.pk for user in (cast.owner, cast.admin, cast.member, cast.muted)]
    assert read_seqs(cast.owner, cast) == dict.fromkeys(everybody, 3) | {cast.member.pk: None}
    assert read_seqs(cast.member, cast) == dict.fromkeys(everybody) | {cast.member.pk: 3}
    show(cast.member, True)
    assert read_seqs(cast.owner, cast) == dict.fromkeys(everybody, 3)


def test_ones_own_room_shows_what_one_has_read(cast: Cast) -> None:
    read_all(cast)
    show(cast.member, False)
    assert Api(cast.member).get(f"rooms/{cast.room.pk}/").json()["read_seq"] == 3


@pytest.mark.parametrize("viewer_shows", CHOICES)
@pytest.mark.parametrize("member_shows", CHOICES)
def test_the_answer_to_a_change(cast: Cast, viewer_shows: bool, member_shows: bool) -> None:
    read_all(cast)
    show(cast.owner, viewer_shows)
    show(cast.member, member_shows)
    path = f"rooms/{cast.room.pk}/members/{cast.member.pk}/"
    changed = Api(cast.owner).patch(path, {"role": "admin"}).json()
    assert changed["read_seq"] == (3 if viewer_shows and member_shows else None)


@pytest.mark.parametrize("member_shows", CHOICES)
async def test_events_about_members_show_no_more(cast: Cast, member_shows: bool) -> None:
    await run_in_thread(read_all, cast)
    await run_in_thread(show, cast.member, member_shows)
    await run_in_thread(show, cast.muted, False)
    sockets = socket_of(cast.owner), socket_of(cast.muted), socket_of(cast.member)
    async with sockets[0] as open_one, sockets[1] as hiding, sockets[2] as themself:
        await run_in_thread(
            services.change_member, user=cast.owner, room_identity=cast.room.pk,
            peer_identity=cast.member.pk, role="admin",
        )  # fmt: skip
        seen = [
            [frame["member"]["read_seq"] for frame in await heard(socket, "member.updated")]
            for socket in (open_one, hiding, themself)
        ]
        assert seen == [[3 if member_shows else None], [None], [3]]


# --- the hub --------------------------------------------------------------------------------


async def test_sockets_that_are_not_ready_get_no_receipts(cast: Cast) -> None:
    """Their settings are not known yet. What they miss is in the list of members."""
    async with socket_of(cast.owner) as socket:
        (connection,) = current_hub().sockets_of(user_topic(cast.owner.pk))
        connection.declines = None
        room = room_topic(cast.room.pk)
        a, b, c = (f'{{"type": "{name}"}}' for name in "abc")
        current_hub().apply(ev.Deliver(room, a, category="receipt"))
        current_hub().apply(ev.Deliver(room, a, category="receipt", fallback=b))
        current_hub().apply(ev.Deliver(room, c))
        assert [(await socket.hear())["type"] for _ in range(2)] == ["b", "c"]


def test_reading_asks_for_the_settings_once(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    find_in = privacy.find_in

    async def count(model: type[User], field: str, values: Sequence[str], *rest: Any) -> Any:
        asked.extend(values)
        return await find_in(model, field, values, *rest)

    monkeypatch.setattr(privacy, "find_in", count)
    for seq in range(3):
        run_on_loop(mark_read(user_identity=cast.member.pk, room_identity=cast.room.pk, seq=seq))
    assert asked == [cast.member.pk]
