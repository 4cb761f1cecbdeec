"""Unread messages are others' live messages after the read position: the pure count."""

import json
from pathlib import Path
from typing import Any

import pytest

from rooms.heads import Head
from rooms.unread import WINDOW, Recent, author_of

CASES = json.loads((Path(__file__).parents[1] / "cases" / "unread.json").read_text())


def recent_of(messages: list[dict[str, Any]]) -> Recent:
    recent = Recent()
    for message in messages:
        recent = recent.noted(message["seq"], author_of({"revision": 1, **message}, 1))
    return recent


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(len(case["messages"])))
def test_the_cases_that_the_browser_follows_too(case: dict[str, Any]) -> None:
    last = max((message["seq"] for message in case["messages"]), default=0)
    head = Head(last, recent=recent_of(case["messages"]))
    assert head.unread(case["me"], case["read_seq"]) == case["unread"]


def test_a_head_counts_what_was_so_at_its_moment() -> None:
    recent = Recent(0, ["bob", "me"])
    before = Head(2, recent=recent)
    after = Head(3, recent=recent.noted(3, "eve"))
    recalled = Head(3, recent=after.recent.noted(1, None))
    assert [head.unread("me", 0) for head in (before, after, recalled)] == [1, 2, 1]
    assert [head.unread("eve", 1) for head in (before, after, recalled)] == [1, 1, 1]


def test_messages_that_come_late_and_numbers_that_nobody_took() -> None:
    recent = Recent(0, ["bob"]).noted(4, "bob")
    assert recent.count("me", 0, 4) == 2
    recent = recent.noted(3, "eve").noted(3, "eve")
    assert recent.count("me", 0, 4) == 3
    assert recent.noted(0, "bob") is recent


def test_what_is_far_back_counts_by_its_number() -> None:
    """The same, however much this process happens to know."""
    last = 3 * WINDOW
    known = Recent(0, [None] * last)
    little = Recent(last - WINDOW, [None] * WINDOW)
    for after in (0, 10, last - WINDOW, last - 1, last, last + 5):
        expected = max(0, last - WINDOW - after)
        assert known.count("me", after, last) == little.count("me", after, last) == expected


def test_it_says_what_must_be_read_first() -> None:
    recent = Recent(999, ["bob"])
    assert recent.missing(1_000, 1_000) == recent.missing(999, 1_000) == 0
    assert recent.missing(990, 1_000) == 9
    assert recent.missing(0, 1_000) == WINDOW - 1
    assert recent.preceded(990, ["me"] * 9).missing(990, 1_000) == 0


def test_it_does_not_grow_without_end() -> None:
    recent = Recent()
    for seq in range(1, 10 * WINDOW):
        recent = recent.noted(seq, "bob")
        assert recent.count("me", max(0, seq - 10), seq) == min(10, seq)
    assert len(recent._authors) <= 2 * WINDOW


def test_a_recall_that_the_reader_has_not_heard_of_does_not_count_yet() -> None:
    message = {"kind": "text", "user_identity": "bob", "recalled_at": 1, "revision": 7}
    assert author_of(message, 6) == "bob"
    assert author_of(message, 7) is None
