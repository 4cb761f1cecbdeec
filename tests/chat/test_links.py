"""Links in texts, checked against the same cases as the browser's own rules."""

import json
from pathlib import Path

import pytest

from chat.links import split_links

CASES = json.loads((Path(__file__).parents[1] / "cases" / "links.json").read_text())


@pytest.mark.parametrize(("text", "links"), CASES)
def test_addresses_become_links(text: str, links: list[str]) -> None:
    parts = split_links(text)
    assert [part["href"] for part in parts if part["href"]] == links
    assert "".join(part["text"] for part in parts) == text
    assert all(part["href"] in ("", part["text"]) for part in parts)


def test_long_texts_take_no_time() -> None:
    """5,000 characters of the worst kinds; each step looks at a character once."""
    for text in ("https://" * 625, "https://a.b/" + "(" * 4_000 + ")" * 900, "https://a" * 555):
        assert "".join(part["text"] for part in split_links(text)) == text
