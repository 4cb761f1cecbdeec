"""Which messages a page shows, and which gaps are final. No database."""

from typing import Any

import pytest

from chat.gaps import SETTLE_MS, classify_gaps
from chat.selectors import page_bounds

NOW = 10_000_000


@pytest.mark.parametrize(
    ("before", "after", "around", "bounds"),
    [
        (None, None, None, (90, 100)),
        (50, None, None, (39, 49)),
        (5, None, None, (0, 4)),
        (1, None, None, (0, 0)),
        (10**9, None, None, (90, 100)),
        (None, 50, None, (50, 60)),
        (None, 95, None, (95, 100)),
        (None, 0, None, (0, 10)),
        (None, 10**9, None, (100, 100)),
        (None, None, 50, (44, 54)),
        (None, None, 1, (0, 10)),
        (None, None, 0, (0, 10)),
        (None, None, 100, (90, 100)),
        (None, None, 10**9, (90, 100)),
    ],
)
def test_a_page_of_ten_in_a_room_of_hundred(
    before: int | None, after: int | None, around: int | None, bounds: tuple[int, int]
) -> None:
    assert page_bounds(100, before, after, around, 10) == bounds


@pytest.mark.parametrize("position", [{}, {"before": 5}, {"after": 0}, {"around": 3}])
def test_an_empty_room_has_an_empty_page(position: dict[str, int]) -> None:
    given: dict[str, Any] = {"before": None, "after": None, "around": None} | position
    assert page_bounds(0, limit=50, **given) == (0, 0)


def messages(*seqs: int, age: int = 0) -> list[dict[str, Any]]:
    return [{"seq": seq, "created_at": NOW - age} for seq in seqs]


def test_a_page_without_holes() -> None:
    assert classify_gaps(messages(3, 4, 5), 2, 5, NOW) == ([], [])


def test_a_young_hole_may_still_be_filled() -> None:
    assert classify_gaps(messages(3, 5, age=SETTLE_MS), 2, 5, NOW) == ([], [4])


def test_a_hole_is_settled_by_an_old_message_after_it() -> None:
    assert classify_gaps(messages(3, 5, age=SETTLE_MS + 1), 2, 5, NOW) == ([4], [])


def test_a_hole_is_not_settled_by_old_messages_before_it() -> None:
    page = messages(3, age=SETTLE_MS + 1) + messages(5)
    assert classify_gaps(page, 2, 6, NOW) == ([], [4, 6])
