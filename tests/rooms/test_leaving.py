"""The rooms of a user whose account is deleted: groups go on with another owner."""

import pytest

from accounts.models import User
from chat import inbox
from imsystem.threads import run_in_thread
from rooms import announce, services
from rooms.account_deletion import leave_all_groups
from rooms.choices import Role
from rooms.models import Departure, Member, Room
from rooms.services import ownership
from tests.conftest import Cast, new_user
from tests.rooms.bodies import member_body
from tests.sockets import socket_of


def roles(room: Room) -> dict[str, str]:
    return dict(Member.objects.filter(room=room).values_list("user_id", "role"))


def test_a_member_is_gone_and_the_rest_stays(cast: Cast) -> None:
    leave_all_groups(cast.member)
    assert roles(cast.room) == {
        cast.owner.pk: "owner", cast.admin.pk: "admin", cast.muted.pk: "member",
    }  # fmt: skip


def test_the_admin_there_for_longest_follows_the_owner(cast: Cast) -> None:
    change = {"user": cast.owner, "room_identity": cast.room.pk, "role": Role.ADMIN}
    services.change_member(**change, peer_identity=cast.member.pk)
    Member.objects.filter(room=cast.room, user=cast.member).update(created_at=1)
    Member.objects.filter(room=cast.room, user=cast.muted).update(created_at=0)
    leave_all_groups(cast.owner)
    assert roles(cast.room) == {
        cast.admin.pk: "admin", cast.member.pk: "owner", cast.muted.pk: "member",
    }  # fmt: skip


def test_without_admins_the_member_there_for_longest(cast: Cast) -> None:
    services.remove_member(user=cast.owner, room_identity=cast.room.pk, peer_identity=cast.admin.pk)
    Member.objects.filter(room=cast.room, user=cast.muted).update(created_at=1)
    leave_all_groups(cast.owner)
    heir = Member.objects.get(room=cast.room, role="owner")
    assert (heir.user_id, heir.muted_until) == (cast.muted.pk, 0)


def test_who_is_deactivated_follows_last(cast: Cast) -> None:
    User.objects.filter(pk=cast.admin.pk).update(is_active=False)
    Member.objects.filter(room=cast.room, user=cast.member).update(created_at=1)
    leave_all_groups(cast.owner)
    assert roles(cast.room)[cast.member.pk] == "owner"


def test_a_group_of_one_is_deleted(cast: Cast) -> None:
    alone = services.create_group(creator=cast.owner, name="Alone")
    leave_all_groups(cast.owner)
    assert not Room.objects.filter(pk=alone.pk).exists()
    assert not Member.objects.filter(room_id=alone.pk).exists()


def test_conversations_stay_for_both(cast: Cast) -> None:
    room, _created = services.open_direct(
        inbox=inbox, user=cast.owner, peer_identity=cast.member.pk
    )
    leave_all_groups(cast.owner)
    assert roles(room) == {cast.owner.pk: "member", cast.member.pk: "member"}


def test_where_one_was_is_forgotten(cast: Cast) -> None:
    services.leave(user=cast.member, room_identity=cast.room.pk)
    services.leave(user=cast.muted, room_identity=cast.room.pk)
    leave_all_groups(cast.member)
    assert list(Departure.objects.values_list("user_identity", flat=True)) == [cast.muted.pk]


@pytest.mark.parametrize("cut", ["before the owner leaves", "before the room is told"])
def test_interrupted_and_repeated(cast: Cast, monkeypatch: pytest.MonkeyPatch, cut: str) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError(cut)

    with monkeypatch.context() as patch:
        patch.setattr(announce, "member_changed" if "owner" in cut else "removed", fail)
        with pytest.raises(RuntimeError):
            leave_all_groups(cast.owner)
    leave_all_groups(cast.owner)
    leave_all_groups(cast.owner)
    assert roles(cast.room) == {
        cast.admin.pk: "owner", cast.member.pk: "member", cast.muted.pk: "member",
    }  # fmt: skip


def test_an_heir_who_leaves_at_this_moment_is_passed_over(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    succession = ownership._succession

    def too_late(owner: Member) -> list[Member]:
        found = succession(owner)
        Member.objects.filter(pk=found[0].pk).delete()
        return found

    monkeypatch.setattr(ownership, "_succession", too_late)
    Member.objects.filter(room=cast.room, user=cast.member).update(created_at=1)
    leave_all_groups(cast.owner)
    assert roles(cast.room) == {cast.member.pk: "owner", cast.muted.pk: "member"}


async def test_the_others_are_told_of_the_new_owner(cast: Cast) -> None:
    async with socket_of(cast.member) as member:
        await run_in_thread(leave_all_groups, cast.owner)
        new = await run_in_thread(member_body, cast.room, cast.admin, "owner")
        assert await member.hear_until("member.updated") == {
            "type": "member.updated", "room_identity": cast.room.pk, "member": new,
        }  # fmt: skip


def test_many_groups_at_once(cast: Cast) -> None:
    other = new_user("other")
    for number in range(5):
        services.create_group(creator=cast.owner, name=f"g{number}", members=[other.pk])
    leave_all_groups(cast.owner)
    assert not Member.objects.filter(user=cast.owner).exists()
    assert Member.objects.filter(user=other, role="owner").count() == 5
