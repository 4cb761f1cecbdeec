"""Numbers and codes as people type them, what can be seen of a text, and what a name may hold."""

import pytest

from imsystem.text import (
    folded,
    is_blank,
    is_plain_line,
    lookalikes,
    same_password,
    without_hidden,
)


@pytest.mark.parametrize(
    "typed",
    [
        "12345678", " 12345678\n", "1234 5678", "1234-5678", "1234\u20135678", "1234\u22125678",
        "１２３４５６７８", "1234\u200b5678", "\ufeff12345678", "1234\u00a05678", "1234\u30005678",
        "1\ufe0f\u20e32345678", "1234\u31645678", "1234\u28005678", "1234\u00ad5678",
        "\u202a12345678\u202c", "١٢٣٤٥٦٧٨", "۱۲۳۴۵۶۷۸", "𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠", "①②③④⑤⑥⑦⑧",
    ],
)  # fmt: skip
def test_they_are_the_same_number(typed: str) -> None:
    assert folded(typed) == "12345678"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("aB-3ｄ", "aB3d"), ("1.5", "1.5"), ("", ""), (" \u200b-", ""), ("一二", "一二"),
     ("1e5", "1e5")],
)  # fmt: skip
def test_what_means_something_stays(typed: str, meant: str) -> None:
    assert folded(typed) == meant


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\t", "\u200b", "\u3000", "\u3164", "\uffa0", "\u115f\u1160", "\u2800", "\u202e",
     "\ufe0f", "\u200d\ufe0f", "\u034f", "\u180e", "\u180b", "\u17b4", "\u2065", "\U000e0041",
     "\U000e0100", "\U0001d159", "\u0301", "\u20e3", "\u00ad", "\ufeff", " \u3164\u2800\u200b "],
)  # fmt: skip
def test_nothing_to_see(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize(
    "text",
    ["x", "你", "😀", "❤\ufe0f", "e\u0301", "1\ufe0f\u20e3", "\u3164x", "葛\U000e0100", "ᄀ", "-",
     "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "\ue000", "गि"],
)  # fmt: skip
def test_something_to_see(text: str) -> None:
    assert not is_blank(text)


@pytest.mark.parametrize(
    "name",
    ["Alice", "小明", "Nguyễn", "Nguye\u0302\u0303n", "👨\u200d👩\u200d👧", "می\u200cخواهم", "שלום",
     "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f Harry", "葛\U000e0100",
     "x\u0301\u0302\u0303\u0304", "❤\ufe0f", "กำ่", "❤\ufe0f\u200d🔥", "1\ufe0f\u20e3",
     "👩🏽\u200d🚀", "🏴\u200d☠\ufe0f", "क्\u200dष", "ක්\u200dෂ", "\u0601 5"],
)  # fmt: skip
def test_names(name: str) -> None:
    assert is_plain_line(name)


@pytest.mark.parametrize(
    "name",
    ["a\nb", "a\x00", "a\u2028b", "a\u2029b", "\ud800", "gpj.\u202eexe", "\u2066a\u2069", "a\u200f",
     "a\u200eb", "\u061ca", "a\U000e0041\U000e007f", "🏴\U000e0067", "\U000e0001a",
     "x" + "\u0301" * 5, "é" + "\u0301" * 4, "Al\u200bice", "Al\u00adice", "x\u3164y", "x\u2800y",
     "a\u200db", "a\u200c", "a\ufe0fb", "x\u034fy", "a\u2060b", "a\ufeffb", "x\u115f\u1160",
     "x\uffa0y", "\u180bx", "a\U000e0100"],
)  # fmt: skip
def test_no_names(name: str) -> None:
    assert not is_plain_line(name)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [(" a@x.cn ", "a@x.cn"), ("\ufeffa@x.cn\u200b", "a@x.cn"), ("a\u2060b", "ab"), ("a b", "a b"),
     ("\u3000a", "a"), ("a\x00", "a\x00")],
)  # fmt: skip
def test_hidden_characters_of_short_fields(typed: str, meant: str) -> None:
    assert without_hidden(typed) == meant


def test_passwords_have_one_form() -> None:
    composed, decomposed = "pass\u00e9 w\u00f6rd", "passe\u0301 wo\u0308rd"
    assert same_password(decomposed) == same_password(composed) == composed
    assert same_password(" １２３ ") == " 123 "


@pytest.mark.parametrize(
    ("name", "other"),
    [("Alice", "Аlice"), ("Alice", "AIice"), ("Alice", "ALICE"), ("Alice", "Al\u200bice"),
     ("Alice", "A l i c e"), ("Bob", "B0b"), ("Müller", "Mu\u0308ller"), ("小明", "⼩明"),
     ("Ａlice", "alice"), ("Tom", "Torn"), ("张伟", "张 伟"), ("Bob", "Bob")],
)  # fmt: skip
def test_names_that_look_alike(name: str, other: str) -> None:
    assert lookalikes({"1": name, "2": other, "3": "Zoe"}) == {"1", "2"}


@pytest.mark.parametrize(
    ("name", "other"),
    [("Alice", "Alicia"), ("Ann", "Anna"), ("José", "Jose"), ("小明", "小朋"), ("Иван", "Ivan")],
)
def test_names_that_differ(name: str, other: str) -> None:
    assert lookalikes({"1": name, "2": other}) == set()
