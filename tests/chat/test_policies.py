"""What may be said and changed, on both sides of each limit. No database."""

from typing import Any

import pytest

from chat import policies
from imsystem.errors import BadRequest, Forbidden, Muted, TooLarge
from rooms.policies import Access, Rules

NOW = 10_000_000


def access(role: str = "member", user: str = "me", muted_until: int = 0) -> Access:
    return Access(
        user_identity=user,
        room_identity="room",
        role=role,
        inherited=False,
        muted_until=muted_until,
        joined_seq=0,
        floor_seq=0,
        rules=Rules("group", "open", "all"),
    )


def message(age: int = 0, sender: str = "me", recalled: int | None = None) -> dict[str, Any]:
    return {"user_identity": sender, "created_at": NOW - age, "recalled_at": recalled}


@pytest.mark.parametrize("data", ["x", "你好", "😀" * 5_000, " x ", "a\nb", "<script>", "\u202ex"])
def test_any_visible_text_is_taken_as_it_is(data: str) -> None:
    assert policies.valid_data(data) == data


@pytest.mark.parametrize(
    "data", ["", " ", "\n\t", "\u200b\u200d\ufeff", "\u3000", "x\x00", "\u3164", "\u2800\ufe0f"]
)
def test_nothing_to_see_is_refused(data: str) -> None:
    with pytest.raises(BadRequest):
        policies.valid_data(data)


def test_a_text_over_the_limit_is_too_large() -> None:
    with pytest.raises(TooLarge):
        policies.valid_data("x" * 5_001)


def test_an_own_message_is_edited_until_15_minutes() -> None:
    policies.require_edit(access(), message(age=15 * 60_000), NOW)
    with pytest.raises(Forbidden):
        policies.require_edit(access(), message(age=15 * 60_000 + 1), NOW)


@pytest.mark.parametrize("role", ["member", "admin", "owner"])
def test_nobody_edits_what_another_wrote(role: str) -> None:
    with pytest.raises(Forbidden):
        policies.require_edit(access(role), message(sender="you"), NOW)


def test_a_muted_member_does_not_edit() -> None:
    with pytest.raises(Muted):
        policies.require_edit(access(muted_until=NOW + 1), message(), NOW)
    policies.require_edit(access(muted_until=NOW), message(), NOW)


def test_a_recalled_message_is_not_edited() -> None:
    with pytest.raises(Forbidden):
        policies.require_edit(access("owner"), message(recalled=1), NOW)


def test_a_recalled_message_may_be_recalled_again_by_whoever_might() -> None:
    policies.require_recall(access(), message(age=10**9, recalled=1), NOW)
    policies.require_recall(access("admin"), message(age=10**9, sender="you", recalled=1), NOW)
    with pytest.raises(Forbidden):
        policies.require_recall(access(), message(sender="you", recalled=1), NOW)


def test_an_own_message_is_recalled_until_2_minutes() -> None:
    policies.require_recall(access(), message(age=2 * 60_000), NOW)
    with pytest.raises(Forbidden):
        policies.require_recall(access(), message(age=2 * 60_000 + 1), NOW)


def test_members_do_not_recall_what_another_wrote() -> None:
    with pytest.raises(Forbidden):
        policies.require_recall(access(), message(sender="you"), NOW)


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_owner_and_admins_recall_anything_at_any_time(role: str) -> None:
    policies.require_recall(access(role), message(age=10**9, sender="you"), NOW)


def test_the_longest_message_fits_a_frame_however_it_is_escaped() -> None:
    from imsystem.client_limits import FRAME_BYTES, MESSAGE_LENGTH

    escaped_pair = len("\\ud83d\\ude00")
    assert MESSAGE_LENGTH * escaped_pair + 1_000 < FRAME_BYTES
