"""The access gate: one value of membership and room, kept until one of the two changes."""

from collections.abc import Callable
from typing import Any

import pytest

from imsystem.errors import NotFound
from imsystem.ids import new_identity
from imsystem.realtime.hub import current_hub
from imsystem.threads import run_in_thread
from rooms import access as gate
from rooms import services
from rooms.access import access
from rooms.policies import Access, Rules
from tests.conftest import Cast


@pytest.fixture(autouse=True)
async def reads(monkeypatch: pytest.MonkeyPatch) -> list[gate.Key]:
    """The memberships that are read."""
    # Also on a machine so busy that the hub misses its beats.
    monkeypatch.setattr(current_hub(), "healthy", True)
    read, made = gate._read_row, list[gate.Key]()

    async def counted(key: gate.Key) -> Any:
        made.append(key)
        return await read(key)

    monkeypatch.setattr(gate, "_read_row", counted)
    return made


async def test_it_is_membership_and_room(cast: Cast) -> None:
    assert await access(cast.admin.pk, cast.room.pk) == Access(
        user_identity=cast.admin.pk,
        room_identity=cast.room.pk,
        role="admin",
        inherited=False,
        muted_until=0,
        joined_seq=0,
        floor_seq=0,
        rules=Rules(kind="group", join_rule="open", history="all"),
    )


async def test_it_is_read_once(cast: Cast, reads: list[gate.Key]) -> None:
    first = await access(cast.member.pk, cast.room.pk)
    assert await access(cast.member.pk, cast.room.pk) is first
    assert reads == [(cast.room.pk, cast.member.pk)]


def _change_room(cast: Cast) -> None:
    services.update_room(user=cast.owner, room_identity=cast.room.pk, join_rule="invite")


def _change_member(cast: Cast) -> None:
    services.change_member(
        user=cast.owner, room_identity=cast.room.pk, peer_identity=cast.member.pk, role="admin"
    )


@pytest.mark.parametrize(
    ("change", "role", "join_rule"),
    [(_change_room, "member", "invite"), (_change_member, "admin", "open")],
)
async def test_a_change_of_either_is_seen_at_once(
    cast: Cast, change: Callable[[Cast], None], role: str, join_rule: str
) -> None:
    await access(cast.member.pk, cast.room.pk)
    await run_in_thread(change, cast)
    found = await access(cast.member.pk, cast.room.pk)
    assert (found.role, found.rules.join_rule) == (role, join_rule)


@pytest.mark.parametrize("room", ["theirs", "unknown", "malformed"])
async def test_strangers_are_told_nothing(cast: Cast, room: str) -> None:
    identity = {"theirs": cast.room.pk, "unknown": new_identity(), "malformed": "x"}[room]
    with pytest.raises(NotFound):
        await access(cast.outsider.pk, identity)


async def test_somebody_who_was_removed_has_none(cast: Cast) -> None:
    await access(cast.member.pk, cast.room.pk)
    where = {"room_identity": cast.room.pk, "peer_identity": cast.member.pk}
    await run_in_thread(services.remove_member, user=cast.owner, **where)
    with pytest.raises(NotFound):
        await access(cast.member.pk, cast.room.pk)
