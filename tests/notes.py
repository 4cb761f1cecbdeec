"""Measurements that tests take, told at the end of the report.

With several test processes each notes its own, and the one that reports gathers them.
"""

from collections import defaultdict
from typing import Any

import pytest

_notes: defaultdict[str, list[str]] = defaultdict(list)


def note(section: str, line: str) -> None:
    """Has `line` printed under the heading `section`."""
    _notes[section].append(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["notes"] = dict(_notes)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """pytest-xdist's hook: one of its processes has ended."""
    for section, lines in getattr(node, "workeroutput", {}).get("notes", {}).items():
        _notes[section] += lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for section, lines in _notes.items():
        terminalreporter.section(section)
        for line in lines:
            terminalreporter.write_line(line)
