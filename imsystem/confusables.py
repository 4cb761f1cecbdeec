"""Unicode's table of characters that look alike (confusables.txt beside this module)."""

from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_suffix(".txt")


@cache
def confusables() -> dict[int, str]:
    """Returns what each character is taken for, as `str.translate` wants it. Read when first asked
    for: 5 ms, and a megabyte of memory."""
    table: dict[int, str] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        target, sources = line.split("\t")
        text = "".join(chr(int(each, 16)) for each in target.split())
        table |= dict.fromkeys((int(each, 16) for each in sources.split()), text)
    return table
