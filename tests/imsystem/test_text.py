"""Numbers and codes as people type them."""

import pytest

from imsystem.text import folded


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
