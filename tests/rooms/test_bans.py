"""Kicks, bans and mutes apply until they end or are lifted, however one tries to come back."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from accounts.services import delete_account
from chat import inbox
from imsystem.clock import now_ms
from imsystem.errors import AppError, Forbidden, NotFound
from imsystem.threads import run_in_thread
from rooms import services
from rooms.models import Ban, Departure, Member, Room
from tests.api import NOT_FOUND, Api, bad_request, forbidden, invalid, public
from tests.conftest import Cast, make_cast, new_user
from tests.pages.conftest import browser
from tests.rooms.bodies import member_body
from tests.sockets import socket_of

REMOVED = forbidden("You were removed from this group. Ask its owner or an admin to add you again.")
BANNED = forbidden("This person is banned from the group. Lift the ban first.")
AN_HOUR = 3_600_000
REPEATS = 20


def path(cast: Cast, *parts: str) -> str:
    return "/".join(["rooms", cast.room.pk, *parts]) + "/"


def join(user: User, room: Room) -> Any:
    return Api(user).post("rooms/join/", {"number": room.number})


def add(by: User, cast: Cast, user: User) -> Any:
    return Api(by).post(path(cast, "members"), {"user_identity": user.pk})


def kick(cast: Cast, user: User) -> None:
    services.remove_member(user=cast.owner, room_identity=cast.room.pk, peer_identity=user.pk)


def ban(cast: Cast, user: User, reason: str = "") -> Any:
    where = path(cast, "bans", user.pk)
    return Api(cast.admin).call("PUT", where, {"reason": reason} if reason else {})


def is_member(cast: Cast, user: User) -> bool:
    return Member.objects.filter(room_id=cast.room.pk, user_id=user.pk).exists()


def ban_body(user: User, kind: str, reason: str, actor: User) -> dict[str, Any]:
    row = Ban.objects.get(user_identity=user.pk)
    return {
        "user": public(user),
        "kind": kind,
        "reason": reason,
        "actor_identity": actor.pk,
        "created_at": row.created_at,
    }


# --- kicks ----------------------------------------------------------------------------------


def test_a_kicked_person_cannot_walk_in_again(cast: Cast) -> None:
    kick(cast, cast.member)
    refused = join(cast.member, cast.room)
    assert (refused.status_code, refused.json()) == (403, REMOVED)
    assert Api(cast.member).post(path(cast, "join")).json() == NOT_FOUND
    page = browser(cast.member)
    form = {"number": cast.room.number, "action": "join"}
    assert page.post("/rooms/join/", form)["Location"].startswith("/rooms/join/?number=")
    shown = page.get(f"/rooms/join/?number={cast.room.number}").content.decode()
    assert "You were removed from this group" in shown
    assert not is_member(cast, cast.member)


def test_a_kicked_person_who_is_added_is_in_and_free_to_come_and_go(cast: Cast) -> None:
    kick(cast, cast.member)
    assert add(cast.admin, cast, cast.member).status_code == 201
    assert not Ban.objects.exists()
    services.leave(user=cast.member, room_identity=cast.room.pk)
    assert join(cast.member, cast.room).status_code == 200


def test_a_kick_can_be_lifted(cast: Cast) -> None:
    kick(cast, cast.member)
    lifted = Api(cast.admin).delete(path(cast, "bans", cast.member.pk))
    assert lifted.status_code == 204
    assert not is_member(cast, cast.member)
    assert join(cast.member, cast.room).status_code == 200


def test_leaving_is_no_kick(cast: Cast) -> None:
    for leave in (
        lambda: services.leave(user=cast.member, room_identity=cast.room.pk),
        lambda: Api(cast.member).delete(path(cast, "members", cast.member.pk)),
    ):
        leave()
        assert not Ban.objects.exists()
        assert join(cast.member, cast.room).status_code == 200


def test_a_refused_kick_leaves_nothing(cast: Cast) -> None:
    for user, peer in ((cast.member, cast.muted), (cast.admin, cast.owner)):
        with pytest.raises(Forbidden):
            services.remove_member(user=user, room_identity=cast.room.pk, peer_identity=peer.pk)
    with pytest.raises(NotFound):
        kick(cast, cast.outsider)
    assert not Ban.objects.exists()


# --- bans -----------------------------------------------------------------------------------


def test_a_ban_kicks_and_nobody_adds_the_banned(cast: Cast) -> None:
    assert ban(cast, cast.member, "spam").status_code == 204
    assert Api(cast.member).get(path(cast)).json() == NOT_FOUND
    assert join(cast.member, cast.room).json() == REMOVED
    for by in (cast.owner, cast.admin):
        refused = add(by, cast, cast.member)
        assert (refused.status_code, refused.json()) == (403, BANNED)
    assert not is_member(cast, cast.member)


def test_who_is_not_in_it_is_banned_too(cast: Cast) -> None:
    assert ban(cast, cast.outsider).status_code == 204
    assert join(cast.outsider, cast.room).json() == REMOVED
    assert add(cast.owner, cast, cast.outsider).json() == BANNED


def test_a_lifted_ban_is_over(cast: Cast) -> None:
    ban(cast, cast.member)
    for _repeat in range(2):
        assert Api(cast.owner).delete(path(cast, "bans", cast.member.pk)).status_code == 204
    assert join(cast.member, cast.room).status_code == 200


def test_a_kicked_person_can_be_banned_and_a_kick_does_not_soften_a_ban(cast: Cast) -> None:
    kick(cast, cast.member)
    ban(cast, cast.member)
    assert add(cast.owner, cast, cast.member).json() == BANNED
    with pytest.raises(NotFound):
        kick(cast, cast.member)
    assert Ban.objects.get().kind == "ban"


def test_a_new_reason_replaces_the_old_one(cast: Cast) -> None:
    ban(cast, cast.member, "one")
    ban(cast, cast.member, " two ")
    assert [row.reason for row in Ban.objects.all()] == ["two"]


def test_the_list(cast: Cast) -> None:
    kick(cast, cast.muted)
    Ban.objects.update(created_at=1)
    ban(cast, cast.member, "spam")
    listed = Api(cast.owner).get(path(cast, "bans"))
    assert (listed.status_code, listed.json()) == (
        200,
        {
            "results": [
                ban_body(cast.member, "ban", "spam", cast.admin),
                ban_body(cast.muted, "kick", "", cast.owner),
            ]
        },
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"reason": "x" * 201},
         invalid(reason=["Ensure this field has no more than 200 characters."])),
        ({"reason": "a\nb"}, bad_request(reason=["Use one line of at most 200 characters."])),
        ({"reason": 7}, invalid(reason=["Not a valid string."])),
        ({"reason": None}, invalid(reason=["This field may not be null."])),
    ],
)  # fmt: skip
def test_a_bad_reason_bans_nobody(cast: Cast, body: Any, error: Any) -> None:
    answer = Api(cast.owner).call("PUT", path(cast, "bans", cast.member.pk), body)
    assert (answer.status_code, answer.json()) == (400, error)
    assert is_member(cast, cast.member)
    assert not Ban.objects.exists()


@pytest.mark.parametrize("peer", ["0" * 24, "../x", "$ne"])
def test_who_does_not_exist_is_not_banned(cast: Cast, peer: str) -> None:
    assert Api(cast.owner).call("PUT", path(cast, "bans", peer), {}).status_code == 404
    assert not Ban.objects.exists()


def test_nobody_bans_in_a_conversation_or_themselves(cast: Cast) -> None:
    room, _created = services.open_direct(
        inbox=inbox, user=cast.owner, peer_identity=cast.member.pk
    )
    answer = Api(cast.owner).call("PUT", f"rooms/{room.pk}/bans/{cast.member.pk}/", {})
    assert answer.status_code == 400
    assert Api(cast.owner).get(f"rooms/{room.pk}/bans/").status_code == 400
    for user in (cast.owner, cast.admin):
        with pytest.raises(Forbidden):
            services.ban(user=user, room_identity=cast.room.pk, peer_identity=user.pk)
    assert not Ban.objects.exists()


async def test_a_ban_is_told_to_the_banned(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        await run_in_thread(
            services.ban, user=cast.admin, room_identity=cast.room.pk, peer_identity=cast.member.pk
        )
        assert await member.hear() == {
            "type": "room.removed", "room_identity": cast.room.pk, "reason": "banned",
        }  # fmt: skip


def test_the_page_lists_and_lifts(cast: Cast) -> None:
    settings = f"/rooms/{cast.room.pk}/settings/"
    page = browser(cast.admin)
    page.post(settings, {"action": "ban", "user_identity": cast.member.pk})
    assert "Let them join again" in page.get(settings).content.decode()
    assert "Let them join again" not in browser(cast.muted).get(settings).content.decode()
    page.post(settings, {"action": "lift", "user_identity": cast.member.pk})
    assert not Ban.objects.exists()


def test_bans_end_with_their_room_and_their_person(cast: Cast) -> None:
    other = services.create_group(creator=cast.owner, name="Other", members=[cast.member.pk])
    ban(cast, cast.member)
    services.ban(user=cast.owner, room_identity=other.pk, peer_identity=cast.muted.pk)
    services.delete_room(inbox=inbox, user=cast.owner, room_identity=other.pk)
    assert [row.user_identity for row in Ban.objects.all()] == [cast.member.pk]
    delete_account(user=cast.member)
    assert not Ban.objects.exists()


# --- the join rule --------------------------------------------------------------------------


def test_a_group_by_invitation_takes_nobody_by_its_number(cast: Cast) -> None:
    changed = Api(cast.owner).patch(path(cast), {"join_rule": "invite"})
    assert (changed.status_code, changed.json()["join_rule"]) == (200, "invite")
    refused = join(cast.outsider, cast.room)
    assert (refused.status_code, refused.json()) == (
        403,
        forbidden("This group is open by invitation only."),
    )
    shown = browser(cast.outsider).get(f"/rooms/join/?number={cast.room.number}").content.decode()
    assert 'value="join"' not in shown
    assert not is_member(cast, cast.outsider)
    assert join(cast.member, cast.room).status_code == 200  # is a member already
    assert add(cast.admin, cast, cast.outsider).status_code == 201


def test_a_group_is_made_with_its_rules(cast: Cast) -> None:
    body = {"name": "x", "join_rule": "invite", "history": "joined"}
    made = Api(cast.owner).post("rooms/", body).json()
    assert (made["join_rule"], made["history"]) == ("invite", "joined")


@pytest.mark.parametrize("field", ["join_rule", "history"])
@pytest.mark.parametrize("value", ["", "everybody", None, 1, ["open"]])
def test_a_rule_that_is_none(cast: Cast, field: str, value: Any) -> None:
    answers = [
        Api(cast.owner).patch(path(cast), {field: value}),
        Api(cast.owner).post("rooms/", {"name": "x", field: value}),
    ]
    assert [(a.status_code, list(a.json()["errors"])) for a in answers] == [(400, [field])] * 2
    room = Room.objects.get()
    assert (room.join_rule, room.history) == ("open", "all")


def test_the_page_changes_the_rules(cast: Cast) -> None:
    settings = f"/rooms/{cast.room.pk}/settings/"
    form = {"action": "update", "name": "Bar", "info": "", "join_rule": "invite"}
    browser(cast.admin).post(settings, form | {"history": "joined"})
    room = Room.objects.get()
    assert (room.name, room.join_rule, room.history) == ("Bar", "invite", "joined")
    browser(cast.admin).post(settings, form | {"join_rule": "nonsense"})
    assert Room.objects.get().join_rule == "invite"


# --- mutes ----------------------------------------------------------------------------------


def muted_until(cast: Cast, user: User) -> int:
    return Member.objects.get(room_id=cast.room.pk, user_id=user.pk).muted_until


def mute(cast: Cast, user: User, until: int) -> None:
    services.change_member(
        user=cast.owner, room_identity=cast.room.pk, peer_identity=user.pk, muted_until=until
    )


@pytest.mark.parametrize("back", ["joins", "is added", "is added after a kick"])
def test_a_mute_goes_on_after_coming_back(cast: Cast, back: str) -> None:
    until = muted_until(cast, cast.muted)
    if back == "is added after a kick":
        kick(cast, cast.muted)
    else:
        services.leave(user=cast.muted, room_identity=cast.room.pk)
    if back == "joins":
        assert join(cast.muted, cast.room).status_code == 200
    else:
        expected = member_body
        answer = add(cast.admin, cast, cast.muted)
        assert answer.json() == expected(cast.room, cast.muted, muted_until=until)
    assert muted_until(cast, cast.muted) == until
    say = {"client_id": "c", "data": "x"}
    assert Api(cast.muted).post(path(cast, "messages"), say).json()["code"] == "muted"


def test_a_mute_that_was_lifted_or_changed_does_not_come_back(cast: Cast) -> None:
    def again() -> None:
        services.leave(user=cast.muted, room_identity=cast.room.pk)
        services.join(inbox=inbox, user=cast.muted, number=cast.room.number)

    again()
    mute(cast, cast.muted, 0)
    again()
    assert muted_until(cast, cast.muted) == 0
    later = now_ms() + AN_HOUR
    mute(cast, cast.muted, later)
    again()
    assert muted_until(cast, cast.muted) == later


def test_who_was_never_muted_is_not(cast: Cast) -> None:
    services.leave(user=cast.member, room_identity=cast.room.pk)
    services.join(inbox=inbox, user=cast.member, number=cast.room.number)
    assert muted_until(cast, cast.member) == 0


# --- at the same moment ---------------------------------------------------------------------


async def together(*acts: Callable[[], Any]) -> list[Any]:
    """Runs all at once and returns the results, or the errors of those that were refused."""
    return await asyncio.gather(*(run_in_thread(act) for act in acts), return_exceptions=True)


def attempt(act: Callable[[], Any]) -> Callable[[], Any]:
    """Repeats the act until it is not refused because of what others do at the same moment."""

    def carry_out() -> Any:
        try:
            return act()
        except AppError as exc:
            return exc

    return carry_out


async def test_a_mute_while_they_leave_is_not_lost() -> None:
    cast = await run_in_thread(make_cast)
    where = {"room_identity": cast.room.pk}
    for repeat in range(REPEATS):
        until = now_ms() + AN_HOUR + repeat
        muted, _left, _again = await together(
            lambda until=until: mute(cast, cast.member, until),
            lambda: services.leave(user=cast.member, **where),
            attempt(lambda: services.leave(user=cast.member, **where)),
        )
        assert muted is None or isinstance(muted, NotFound)
        await run_in_thread(
            lambda: services.join(inbox=inbox, user=cast.member, number=cast.room.number)
        )
        found = await run_in_thread(muted_until, cast, cast.member)
        assert found == until if muted is None else found != until
        await run_in_thread(mute, cast, cast.member, 0)


@pytest.mark.parametrize("how", ["kick", "ban"])
async def test_leaving_and_joining_does_not_slip_past_a_kick(how: str) -> None:
    cast = await run_in_thread(make_cast)
    act = services.remove_member if how == "kick" else services.ban
    room = {"room_identity": cast.room.pk}

    def out_and_in() -> None:
        for _time in range(3):
            attempt(lambda: services.leave(user=cast.member, **room))()
            attempt(lambda: services.join(inbox=inbox, user=cast.member, number=cast.room.number))()

    for _repeat in range(REPEATS):
        removed, _slipped = await together(
            lambda: act(user=cast.owner, peer_identity=cast.member.pk, **room), out_and_in
        )
        barred = await run_in_thread(Ban.objects.filter(user_identity=cast.member.pk).exists)
        inside = await run_in_thread(is_member, cast, cast.member)
        assert removed is None or isinstance(removed, NotFound)
        assert (inside, barred) == ((False, True) if removed is None else (True, False))
        await run_in_thread(
            lambda: services.lift_ban(user=cast.owner, peer_identity=cast.member.pk, **room)
        )
        await run_in_thread(
            attempt(lambda: services.join(inbox=inbox, user=cast.member, number=cast.room.number))
        )


async def test_adding_and_kicking_at_once_leave_one_of_both() -> None:
    """In and free, or out and barred; never out and free, never in and barred."""
    cast = await run_in_thread(make_cast)
    room = {"room_identity": cast.room.pk, "peer_identity": cast.member.pk}
    for repeat in range(REPEATS):
        if repeat % 2:
            await run_in_thread(attempt(lambda: services.remove_member(user=cast.owner, **room)))
        outcomes = await together(
            attempt(lambda: services.add_member(inbox=inbox, user=cast.admin, **room)),
            attempt(lambda: services.remove_member(user=cast.owner, **room)),
            attempt(lambda: services.remove_member(user=cast.owner, **room)),
        )
        assert not [one for one in outcomes if not isinstance(one, (Member, AppError, type(None)))]
        barred = await run_in_thread(Ban.objects.filter(user_identity=cast.member.pk).exists)
        assert await run_in_thread(is_member, cast, cast.member) != barred, outcomes


async def test_adding_and_banning_at_once_leave_the_banned_outside() -> None:
    cast = await run_in_thread(make_cast)
    for _repeat in range(REPEATS):
        user = await run_in_thread(new_user, "brief")
        room = {"room_identity": cast.room.pk, "peer_identity": user.pk}
        outcomes = await together(
            attempt(lambda room=room: services.add_member(inbox=inbox, user=cast.admin, **room)),
            lambda room=room: services.ban(user=cast.owner, **room),
            attempt(
                lambda user=user: services.join(inbox=inbox, user=user, number=cast.room.number)
            ),
        )
        assert outcomes[1] is None
        assert not await run_in_thread(is_member, cast, user)


def test_what_departures_note_stays_one_line(cast: Cast) -> None:
    for _repeat in range(3):
        services.leave(user=cast.muted, room_identity=cast.room.pk)
        services.join(inbox=inbox, user=cast.muted, number=cast.room.number)
    assert Departure.objects.count() == 1
