"""Identities: what is one, and that the order of making them shows."""

import pytest

from imsystem.ids import is_identity, new_identity


def test_new_ones_are_identities_and_differ() -> None:
    made = [new_identity() for _ in range(1_000)]
    assert all(map(is_identity, made))
    assert len(set(made)) == 1_000


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
