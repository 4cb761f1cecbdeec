"""History over REST: pages, positions, and what is refused."""

from typing import Any

import pytest

from imsystem.redis import key, sync_redis
from tests.api import Api, invalid
from tests.chat.rest import NOON, NOT_A_NUMBER, ONE_POSITION, at, fill, messages_of, send
from tests.conftest import Cast


def test_a_page_is_whole(cast: Cast) -> None:
    messages = [send(cast, cast.owner, f"c{number}") for number in range(3)]
    answer = Api(cast.muted).get(messages_of(cast) + "?limit=2")
    assert answer.status_code == 200
    assert answer.json() == {
        "messages": messages[1:],
        "has_before": True,
        "has_after": False,
        "last_seq": 3,
        "revision": 0,
        "complete_to": 3,
    }


def test_an_empty_room(cast: Cast) -> None:
    assert Api(cast.member).get(messages_of(cast)).json() == {
        "messages": [],
        "has_before": False,
        "has_after": False,
        "last_seq": 0,
        "revision": 0,
        "complete_to": 0,
    }


@pytest.mark.parametrize(
    ("query", "first", "last", "has_before", "has_after"),
    [
        ("limit=4", 7, 10, True, False),
        ("limit=10", 1, 10, False, False),
        ("limit=1", 10, 10, True, False),
        ("before=5&limit=3", 2, 4, True, True),
        ("before=4&limit=3", 1, 3, False, True),
        ("before=2", 1, 1, False, True),
        ("before=1", 0, 0, False, True),
        ("before=11&limit=3", 8, 10, True, False),
        (f"before={2**53 - 1}&limit=3", 8, 10, True, False),
        ("after=0&limit=3", 1, 3, False, True),
        ("after=7&limit=3", 8, 10, True, False),
        ("after=8&limit=3", 9, 10, True, False),
        ("after=10", 0, 0, True, False),
        (f"after={2**53 - 1}", 0, 0, True, False),
        ("around=5&limit=3", 4, 6, True, True),
        ("around=5&limit=4", 3, 6, True, True),
        ("around=1&limit=3", 1, 3, False, True),
        ("around=0&limit=3", 1, 3, False, True),
        ("around=10&limit=3", 8, 10, True, False),
        (f"around={2**53 - 1}&limit=3", 8, 10, True, False),
    ],
)
def test_pages(
    cast: Cast, query: str, first: int, last: int, has_before: bool, has_after: bool
) -> None:
    fill(cast, 10)
    page = Api(cast.member).get(f"{messages_of(cast)}?{query}").json()
    seqs = [message["seq"] for message in page["messages"]]
    assert seqs == (list(range(first, last + 1)) if last else [])
    assert (page["has_before"], page["has_after"]) == (has_before, has_after)


def test_fifty_without_a_limit_and_a_hundred_at_most(cast: Cast) -> None:
    fill(cast, 101)
    api = Api(cast.member)
    for query, first in (("", 52), ("?limit=100", 2)):
        page = api.get(messages_of(cast) + query).json()
        assert [message["seq"] for message in page["messages"]] == list(range(first, 102))


@pytest.mark.parametrize(
    "value",
    ["-1", "abc", "1e3", "", "1.0", " 5", "+5", "0x5", str(2**70), "５", "%00", "null", "[5]"],
)
@pytest.mark.parametrize("name", ["before", "after", "around", "limit"])
def test_what_is_no_number_is_refused(cast: Cast, name: str, value: str) -> None:
    answer = Api(cast.member).get(f"{messages_of(cast)}?{name}={value.replace('+', '%2B')}")
    assert (answer.status_code, answer.json()) == (400, invalid(**{name: NOT_A_NUMBER}))


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("limit=0", {"limit": ["Ensure this value is greater than or equal to 1."]}),
        ("limit=101", {"limit": ["Ensure this value is less than or equal to 100."]}),
        ("before=0", {"before": ["Ensure this value is greater than or equal to 1."]}),
        (
            f"after={2**53}",
            {"after": [f"Ensure this value is less than or equal to {2**53 - 1}."]},
        ),
        ("limit=5&limit=5", {"limit": ["Use this parameter only once."]}),
        ("before=5&before=6", {"before": ["Use this parameter only once."]}),
    ],
)
def test_numbers_out_of_range_or_given_twice(cast: Cast, query: str, errors: Any) -> None:
    answer = Api(cast.member).get(f"{messages_of(cast)}?{query}")
    assert (answer.status_code, answer.json()) == (400, invalid(**errors))


@pytest.mark.parametrize("query", ["before=5&after=1", "after=1&around=1", "before=5&around=0"])
def test_two_positions_at_once(cast: Cast, query: str) -> None:
    answer = Api(cast.member).get(f"{messages_of(cast)}?{query}")
    assert (answer.status_code, answer.json()) == (400, ONE_POSITION)


@pytest.mark.parametrize(
    "query", ["ordering=password", "user_identity__startswith=a", "$where=1", "format=api"]
)
def test_other_parameters_change_nothing(cast: Cast, query: str) -> None:
    fill(cast, 2)
    api = Api(cast.member)
    assert api.get(f"{messages_of(cast)}?{query}").json() == api.get(messages_of(cast)).json()


def test_a_hole_is_final_once_it_is_old(cast: Cast) -> None:
    def complete_to() -> tuple[list[int], int]:
        page = Api(cast.member).get(messages_of(cast)).json()
        return [message["seq"] for message in page["messages"]], page["complete_to"]

    with at(NOON) as clock:
        send(cast, cast.owner, "c1")
        sync_redis().incr(key("seq", cast.room.pk))  # taken by a process that then died
        send(cast, cast.owner, "c2")
        assert complete_to() == ([1, 3], 1)
        clock.shift(31)
        assert complete_to() == ([1, 3], 3)
