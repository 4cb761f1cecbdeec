"""What no log may hold, looked for in every line that the suite makes the product write.

Passwords of tests begin with the same words, tokens and hashes show what they are, codes are noted
when they are issued, message texts when a test's client sends them. conftest.py puts `Guard` on the
root logger, tests/up.py hands over the logs of whole systems; the session fails at its end.
"""

import logging
import re
from pathlib import Path

from imsystem.ops.logs import PlainFormatter

MARKS = re.compile(
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}"  # a token
    r"|(?:correct|another) horse"  # a password
    r"|argon2\$argon2"  # the hash of one
    r"|[?&](?:ticket|token|code|password)=[^\s&\"']"
)
# Shorter texts stand in log lines by chance ("after", in "ready after 3 s").
LONG_ENOUGH = 10
# Written by tests and by what they are made of. PyMongo says everything, at DEBUG only.
NOT_THE_PRODUCT = ("pymongo", "asyncio", "httpx", "httpcore", "websockets", "hypothesis", "tests")

_texts: set[str] = set()
_codes: set[str] = set()
found: list[str] = []


def said(text: object) -> None:
    """A client in a test sends this as a message."""
    if isinstance(text, str) and len(text.strip()) >= LONG_ENOUGH:
        _texts.add(text)


def issued(code: str) -> None:
    """A code went out by mail."""
    _codes.add(code)


def leaks_in(line: str) -> list[str]:
    """What the line gives away."""
    marks = MARKS.findall(line)
    codes = [number for number in re.findall(r"(?<!\w)\d{6}(?!\w)", line) if number in _codes]
    return [*marks, *codes, *(text for text in _texts if text in line)]


def look_into(line: str) -> None:
    leaks = leaks_in(line)
    if leaks:
        found.append(f"{leaks}: {line[:2_000]}")


def look_into_files(*paths: Path) -> None:
    """Logs of a whole system. Mails, which hold codes, are no logs; codes are not looked for."""
    for path in paths:
        text = path.read_text(errors="replace")
        leaks = [*MARKS.findall(text), *(said for said in _texts if said in text)]
        if leaks:
            found.append(f"{leaks[:5]}: {path.name}")


class Guard(logging.Handler):
    """Looks at every record as the product would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(PlainFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(NOT_THE_PRODUCT):
            look_into(self.format(record))
