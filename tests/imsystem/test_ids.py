"""Identities: what is one, and what cannot be told from it."""

import pytest
import time_machine

from imsystem.ids import ascending_identity, is_identity, new_identity


def test_new_ones_are_identities_and_differ() -> None:
    for make in (new_identity, ascending_identity):
        made = [make() for _ in range(1_000)]
        assert all(map(is_identity, made))
        assert len(set(made)) == 1_000


def test_nothing_of_one_is_in_the_next() -> None:
    """No digit stands still, as time, machine and counter of an ObjectId do: each place of a
    thousand has all sixteen."""
    made = [new_identity() for _ in range(1_000)]
    assert [len(set(digits)) for digits in zip(*made, strict=True)] == [16] * 24


def test_what_ascends_is_random_behind_the_second() -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        made = [ascending_identity() for _ in range(1_000)]
        assert {identity[:8] for identity in made} == {f"{1_800_000_000:08x}"}
        assert [len(set(digits)) for digits in zip(*made, strict=True)][8:] == [16] * 16
        clock.shift(1)
        assert ascending_identity() > max(made)


@pytest.mark.parametrize(
    "value",
    [
        "", "a" * 23, "a" * 25, "A" * 24, "g" * 24, "a" * 24 + "\n", " " + "a" * 23, "１" * 24,
        "٣" * 24, "a" * 23 + "\x00", None, 1, b"a" * 24, ["a" * 24], {"$ne": None},
    ],
)  # fmt: skip
def test_what_is_none(value: object) -> None:
    assert not is_identity(value)


def test_24_lower_case_hex_digits_are_one() -> None:
    assert is_identity("0123456789abcdef01234567")
