"""What live sockets are told when a room or its members change, as whole frames."""

from time import monotonic
from typing import Any

import pytest

from accounts.models import User
from accounts.services import update_profile
from chat import inbox
from chat.presence import current_presence
from imsystem.clock import now_ms
from imsystem.errors import BadRequest, Forbidden
from imsystem.threads import run_in_thread
from rooms import announce, policies, services
from rooms.models import Room
from tests.api import public
from tests.conftest import Cast, hand_over
from tests.rooms.bodies import member_body, room_body, summary
from tests.sockets import Socket, socket_of


async def member_updated(
    cast: Cast, user: User, role: str = "member", **changes: Any
) -> dict[str, Any]:
    member = await run_in_thread(member_body, cast.room, user, role, **changes)
    return {"type": "member.updated", "room_identity": cast.room.pk, "member": member}


def removed(room: Room, reason: str) -> dict[str, Any]:
    return {"type": "room.removed", "room_identity": room.pk, "reason": reason}


async def heard_only(socket: Socket, *frames: dict[str, Any]) -> None:
    """The socket receives exactly these frames, in this order."""
    await socket.say(type="ping", id="end")
    heard = [await socket.hear()]
    while heard[-1].get("id") != "end":
        heard.append(await socket.hear())
    assert heard[:-1] == list(frames)


async def change(cast: Cast, target: User, user: User | None = None, **fields: Any) -> None:
    await run_in_thread(
        services.change_member,
        user=user or cast.owner,
        room_identity=cast.room.pk,
        peer_identity=target.pk,
        **fields,
    )


async def test_joining(cast: Cast) -> None:
    async with socket_of(cast.member) as member, socket_of(cast.outsider) as joining:
        await run_in_thread(services.join, inbox=inbox, user=cast.outsider, number=cast.room.number)
        room = await run_in_thread(room_body, cast.room, "member")
        await heard_only(joining, {"type": "room.added", "room": room})
        await heard_only(member, await member_updated(cast, cast.outsider))


async def test_being_added_tells_all_devices(cast: Cast) -> None:
    async with socket_of(cast.outsider) as phone, socket_of(cast.outsider) as laptop:
        await run_in_thread(
            services.add_member, inbox=inbox, user=cast.admin, room_identity=cast.room.pk,
            peer_identity=cast.outsider.pk,
        )  # fmt: skip
        room = await run_in_thread(room_body, cast.room, "member")
        for device in (phone, laptop):
            await heard_only(device, {"type": "room.added", "room": room})


async def test_joining_twice_tells_nobody(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        await run_in_thread(services.join, inbox=inbox, user=cast.member, number=cast.room.number)
        assert await member.silent()


async def test_a_new_group(cast: Cast) -> None:
    async with socket_of(cast.owner) as creator, socket_of(cast.member) as member:
        room = await run_in_thread(
            services.create_group, creator=cast.owner, name="Bar", members=[cast.member.pk]
        )
        for socket, role in ((creator, "owner"), (member, "member")):
            seen = await run_in_thread(room_body, room, role)
            await heard_only(socket, {"type": "room.added", "room": seen})


async def test_a_new_conversation_is_named_after_the_other(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.member) as member:
        await current_presence().work(monotonic())
        room, _created = await run_in_thread(
            services.open_direct, inbox=inbox, user=cast.owner, peer_identity=cast.member.pk
        )
        for socket, peer in ((owner, cast.member), (member, cast.owner)):
            seen = await run_in_thread(
                room_body, room, "member", name=peer.nickname, peer=public(peer), online=True
            )
            await heard_only(socket, {"type": "room.added", "room": seen})


async def test_a_kick_tells_the_kicked_on_all_devices(cast: Cast) -> None:
    async with socket_of(cast.member) as phone, socket_of(cast.member) as laptop:
        await run_in_thread(
            services.remove_member, user=cast.admin, room_identity=cast.room.pk,
            peer_identity=cast.member.pk,
        )  # fmt: skip
        for device in (phone, laptop):
            await heard_only(device, removed(cast.room, "kicked"))


async def test_leaving(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        await run_in_thread(services.leave, user=cast.member, room_identity=cast.room.pk)
        await heard_only(member, removed(cast.room, "left"))


async def test_who_is_out_hears_nothing_more_of_the_room(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        await run_in_thread(services.leave, user=cast.member, room_identity=cast.room.pk)
        await run_in_thread(
            services.update_room, user=cast.owner, room_identity=cast.room.pk, name="Bar"
        )
        await heard_only(member, removed(cast.room, "left"))


async def test_a_new_name(cast: Cast) -> None:
    sockets = socket_of(cast.owner), socket_of(cast.muted), socket_of(cast.outsider)
    async with sockets[0] as owner, sockets[1] as muted, sockets[2] as outsider:
        await run_in_thread(
            services.update_room, user=cast.admin, room_identity=cast.room.pk, name="Bar", info="杯"
        )
        room = await run_in_thread(summary, cast.room, name="Bar", info="杯")
        for socket in (owner, muted):
            await heard_only(socket, {"type": "room.updated", "room": room})
        assert await outsider.silent()


async def test_two_changes_at_the_same_moment_both_tell_of_both(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who loaded the room before the other change was stored does not tell of the old name."""
    require_manage = policies.require_manage

    def overtaken(access: Any) -> None:
        monkeypatch.setattr(policies, "require_manage", require_manage)
        services.update_room(user=cast.admin, room_identity=cast.room.pk, name="Bar")
        require_manage(access)

    async with socket_of(cast.member) as member:
        monkeypatch.setattr(policies, "require_manage", overtaken)
        await run_in_thread(
            services.update_room, user=cast.owner, room_identity=cast.room.pk, info="杯"
        )
        first, second = await member.hear(), await member.hear()
    assert (first["room"]["name"], second["room"]["name"]) == ("Bar", "Bar")
    assert second["room"]["info"] == "杯"


async def test_a_mute_that_was_overtaken_tells_of_the_later_one(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = now_ms() + 3_600_000
    member_changed = announce.member_changed

    def overtaken(member: Any) -> None:
        monkeypatch.setattr(announce, "member_changed", member_changed)
        services.change_member(
            user=cast.owner,
            room_identity=cast.room.pk,
            peer_identity=cast.member.pk,
            muted_until=later,
        )
        member_changed(member)

    async with socket_of(cast.admin) as admin:
        monkeypatch.setattr(announce, "member_changed", overtaken)
        await change(cast, cast.member, muted_until=0)
        heard = [await admin.hear_until("member.updated") for _ in range(2)]
    assert [frame["member"]["muted_until"] for frame in heard] == [later, later]


async def test_the_end_of_a_room(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.muted) as muted:
        await run_in_thread(
            services.delete_room, inbox=inbox, user=cast.owner, room_identity=cast.room.pk
        )
        for socket in (owner, muted):
            await heard_only(socket, removed(cast.room, "deleted"))
        answer = await owner.ask(
            "message.send", room_identity=cast.room.pk, client_id="c", data="x"
        )
        assert answer == {"type": "error", "id": "x", "code": "not_found", "detail": "Not found."}


async def test_a_new_role(cast: Cast) -> None:
    async with socket_of(cast.member) as member, socket_of(cast.muted) as other:
        await change(cast, cast.member, role="admin")
        for socket in (member, other):
            await heard_only(socket, await member_updated(cast, cast.member, "admin"))


async def test_a_hand_over(cast: Cast) -> None:
    async with socket_of(cast.owner) as owner, socket_of(cast.member) as member:
        await run_in_thread(hand_over, cast.owner, cast.room, cast.admin)
        updates = (
            await member_updated(cast, cast.admin, "owner"),
            await member_updated(cast, cast.owner, "admin"),
        )
        told = {"type": "ownership.offered", "room_identity": cast.room.pk}
        told["user_identity"] = cast.admin.pk
        await heard_only(owner, {**told, "offered": True}, *updates, {**told, "offered": False})
        await heard_only(member, *updates)


async def test_an_offer_is_told_to_the_two_whom_it_concerns(cast: Cast) -> None:
    async with (
        socket_of(cast.owner) as owner,
        socket_of(cast.member) as member,
        socket_of(cast.admin) as other,
    ):
        await change(cast, cast.member, role="owner")
        await run_in_thread(services.end_offer, user=cast.owner, room_identity=cast.room.pk)
        told = {"type": "ownership.offered", "room_identity": cast.room.pk}
        told["user_identity"] = cast.member.pk
        for socket in (owner, member):
            await heard_only(socket, {**told, "offered": True}, {**told, "offered": False})
        await heard_only(other)


async def test_a_mute_and_its_end(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        await change(cast, cast.member, user=cast.admin, muted_until=2**50)
        await change(cast, cast.member, user=cast.admin, muted_until=0)
        await heard_only(
            member,
            await member_updated(cast, cast.member, muted_until=2**50),
            await member_updated(cast, cast.member),
        )


async def test_a_refused_change_tells_nobody(cast: Cast) -> None:
    async with socket_of(cast.muted) as muted:
        for fields in ({"role": "owner"}, {"muted_until": 1}, {}):
            with pytest.raises((Forbidden, BadRequest)):
                await change(cast, cast.muted, user=cast.member, **fields)
        assert await muted.silent()


def gone(cast: Cast, user: User, reason: str) -> dict[str, Any]:
    where = {"room_identity": cast.room.pk, "user_identity": user.pk}
    return {"type": "member.removed", **where, "reason": reason}


async def test_those_who_stay_hear_who_left_or_was_removed(cast: Cast) -> None:
    where = {"room_identity": cast.room.pk}
    async with socket_of(cast.owner) as owner, socket_of(cast.outsider) as outsider:
        await run_in_thread(services.leave, user=cast.member, **where)
        muted = {"peer_identity": cast.muted.pk, **where}
        await run_in_thread(services.remove_member, user=cast.owner, **muted)
        await heard_only(owner, gone(cast, cast.member, "left"), gone(cast, cast.muted, "kicked"))
        assert await outsider.silent()


async def test_a_new_name_is_told_to_all_who_share_a_room(cast: Cast) -> None:
    async with (
        socket_of(cast.member) as member,
        socket_of(cast.owner) as owner,
        socket_of(cast.outsider) as outsider,
    ):
        await run_in_thread(update_profile, user=cast.owner, nickname="Robert")
        await run_in_thread(cast.owner.refresh_from_db)
        frame = {"type": "user.updated", "user": public(cast.owner)}
        assert public(cast.owner)["nickname"] == "Robert"
        await heard_only(member, frame)
        assert await owner.hear() == frame
        assert await outsider.silent()


async def test_settings_that_nobody_sees_are_told_to_nobody(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        await run_in_thread(update_profile, user=cast.owner, who_may_add="contacts")
        await heard_only(member)
