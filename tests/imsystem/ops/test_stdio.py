"""LOG_FORMAT=json: whatever a process prints or dies of is an entry."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.up import ROOT, clean_environment, manage

INSTALL = "from imsystem.ops import stdio; stdio.install()\n"


def entries(code: str) -> list[dict[str, Any]]:
    """What a process says on both its outputs, each line of it an entry."""
    done = subprocess.run(
        [sys.executable, "-c", INSTALL + code],
        cwd=ROOT,
        env=clean_environment(LOG_FORMAT="json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_is_printed() -> None:
    told = entries("import sys\nprint('a\\nb'); print('c', end=''); print('d', file=sys.stderr)")
    assert sorted((entry["level"], entry["message"]) for entry in told) == [
        *(("INFO", "a\nb"), ("INFO", "c"), ("WARNING", "d")),
    ]


def test_an_error_nobody_catches() -> None:
    [entry] = entries("raise ValueError('no\\nsuch thing')")
    assert entry["message"] == "ended by ValueError"
    assert entry["exception"].endswith("ValueError: no\nsuch thing\n")


def test_one_in_a_thread() -> None:
    code = "import threading\nt = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()"
    [entry] = entries(code)
    assert entry["message"] == "ended by ZeroDivisionError"


def test_an_exit_with_words() -> None:
    [entry] = entries("import sys\nsys.exit('error: no database')")
    assert (entry["level"], entry["message"]) == ("ERROR", "no database")


def test_warnings() -> None:
    [entry] = entries(
        "import logging, warnings\nfrom imsystem.ops.logs import JsonFormatter\n"
        "h = logging.StreamHandler(__import__('sys').__stderr__); h.setFormatter(JsonFormatter())\n"
        "logging.getLogger().addHandler(h); warnings.warn('old')"
    )
    assert (entry["logger"], "old" in entry["message"]) == ("py.warnings", True)


class TestCommands:
    def test_a_failure(self) -> None:
        told = manage("migrate", LOG_FORMAT="json", CODES_PER_IP="many")
        lines = [json.loads(line) for line in told.stdout.splitlines()]
        assert lines[-1]["level"] == "ERROR"
        assert {line["process"] for line in lines} == {"migrate"}

    @pytest.mark.parametrize("command", [["diffsettings", "--output", "unified"], ["--version"]])
    def test_what_was_asked_for_is_not_changed(self, command: list[str]) -> None:
        plain = manage(*command, DEBUG="on")
        assert plain.returncode == 0
        told = manage(*command, LOG_FORMAT="json", DEBUG="on").stdout
        assert not told.startswith("{")
