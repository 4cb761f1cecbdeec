"""Default pictures: the first letter of a name, whole characters in readable colours, drawn from
text."""

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.default_avatar import COLOURS, default_avatar_address, drawing, initial_of

FAMILY = "👨‍👩‍👧‍👦"


@pytest.mark.parametrize(
    ("name", "letter"),
    [
        ("alice", "A"),
        ("Alice", "A"),
        ("  王小明", "王"),
        ("ñandú", "Ñ"),
        ("n\u0303", "N\u0303"),
        ("ßeta", "ß"),
        ("ǆ", "ǅ"),
        ("ანა", "ა"),
        ("नि", "नि"),
        ("😀x", "😀"),
        ("👍🏽 yes", "👍🏽"),
        (f"{FAMILY}x", FAMILY),
        ("❤️‍🔥", "❤️‍🔥"),
        ("🇨🇳🇫🇷", "🇨🇳"),
        ("1️⃣", "1️⃣"),
        ("\u202e\u200bzoe", "Z"),
        ("\u3164zoe", "Z"),
        ("\u0301zoe", "Z"),
        ("\ufffezoe", "Z"),
        ("\ufdd0\U0010ffffzoe", "Z"),
        ("Z" + "\u0300" * 40, "Z"),
        ("a\u200d\ufffe", "A\u200d"),
        ("", "?"),
        (" \u200d\u3164", "?"),
    ],
)
def test_the_first_character_as_people_count(name: str, letter: str) -> None:
    assert initial_of(name) == letter


def test_letter_and_colour_are_in_the_address() -> None:
    assert (
        default_avatar_address("6b031b0ac56c19ed2c84239a", "alice") == "/avatars/initial/a-41.svg"
    )
    assert default_avatar_address("f" * 24, "🇨🇳") == "/avatars/initial/f-1f1e8-1f1f3.svg"


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", COLOURS)
def test_white_can_be_read_on_every_colour(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


def test_every_last_digit_has_a_colour_and_all_are_used() -> None:
    drawn = [drawing(f"{digit:x}-41") or "" for digit in range(16)]
    used = {colour for colour in COLOURS if any(colour in svg for svg in drawn)}
    assert used == set(COLOURS)


def letter_in(svg: str) -> str:
    root = ElementTree.fromstring(svg)  # noqa: S314 -- our own
    kinds = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert kinds == ["svg", "rect", "text"]
    return root[1].text or ""


@pytest.mark.parametrize("letter", ["A", "王", "<", "&", '"', "'", "{", FAMILY])
def test_it_is_drawn_as_text(letter: str) -> None:
    svg = drawing(default_avatar_address("0", letter).removeprefix("/avatars/initial/")[:-4])
    assert svg is not None
    assert letter_in(svg) == letter


@pytest.mark.parametrize(
    "name",
    ["", "0", "0-", "-41", "g-41", "A-41", "00-41", "0-61", "0-041", "0-0041", "0-41-42", "0-41-",
     "0-3c-73-76-67", "0-110000", "0-ffffff", "0-d800", "0-fffe", "0-0", "0-a", "0-20", "0-200b",
     "0-301", "0-41\n", "0-٤١", "0-4١", "0-41.svg", "0-" + "-".join(["41"] * 400),
     "0-41" + "-301" * 10, "../0-41", "0-%34%31", "<script>"],
)  # fmt: skip
def test_only_addresses_we_make_are_drawn(name: str) -> None:
    assert drawing(name) is None


@settings(max_examples=500, deadline=None)
@given(name=st.text(max_size=12), identity=st.text("0123456789abcdef", min_size=24, max_size=24))
def test_whatever_the_name_there_is_a_picture(name: str, identity: str) -> None:
    address = default_avatar_address(identity, name)
    svg = drawing(address.removeprefix("/avatars/initial/").removesuffix(".svg"))
    assert svg is not None
    assert letter_in(svg) == initial_of(name)
