"""One event is one line, whatever a client has put into it."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from imsystem.ops.lines import (
    MAX_MESSAGE,
    NOBODY,
    Caller,
    as_json_line,
    is_json_line,
    json_line,
    set_caller,
)
from imsystem.ops.logs import JsonFormatter, PlainFormatter
from imsystem.threads import run_in_thread

# What breaks lines, what terminals obey, what hides or turns text around, half an emoji.
ODD = ["\n", "\r", "\x1b[2J", "\x85", "\u2028", "\x9b2J", "\u202e", "\x00", "\udc80", "\U000e0041"]
FORGED = "2026-01-01T00:00:00Z ERROR imsystem: all is lost"


@pytest.fixture
def caller() -> Iterator[Caller]:
    """Who asks, for the rest of the test."""
    alice = Caller(request_id="5f", client="203.0.113.7")
    set_caller(alice)
    yield alice
    set_caller(NOBODY)


def record(text: str, *args: object) -> logging.LogRecord:
    details = (logging.WARNING, __file__, 1, text, args, None)
    return logging.LogRecord("imsystem", *details)


class TestOneLine:
    @pytest.mark.parametrize("odd", ODD)
    def test_a_json_entry(self, odd: str) -> None:
        line = JsonFormatter().format(record("Not Found: %s", f"/a{odd}{FORGED}"))
        assert line.isprintable()
        assert json.loads(line)["message"] == f"Not Found: /a{odd}{FORGED}"
        line.encode()

    @pytest.mark.parametrize("odd", ODD)
    def test_a_plain_one(self, odd: str) -> None:
        line = PlainFormatter().format(record("Not Found: %s", f"/a{odd}{FORGED}"))
        assert line.isprintable()

    @pytest.mark.parametrize("odd", ODD)
    def test_no_line_of_a_traceback_looks_like_an_entry(self, odd: str) -> None:
        """What an error says may be what a client has sent."""
        try:
            raise ValueError(f"no such thing: {odd}{FORGED}")
        except ValueError:
            line = logging.LogRecord("x", 40, __file__, 1, "failed", None, sys.exc_info())
        first, *rest = PlainFormatter().format(line).split("\n")
        assert first.endswith("ERROR x: failed")
        assert rest
        assert all(each.startswith("  ") and each.isprintable() for each in rest)
        assert JsonFormatter().format(line).isprintable()

    def test_a_long_one_is_cut(self) -> None:
        told = record("Not Found: %s", "/" + "a" * 60_000)
        assert len(PlainFormatter().format(told)) < MAX_MESSAGE + 100
        assert len(json.loads(JsonFormatter().format(told))["message"]) == MAX_MESSAGE + 1


class TestCaller:
    async def test_is_told_in_both_forms(self, caller: Caller) -> None:
        entry = json.loads(JsonFormatter().format(record("x")))
        assert (entry["request_id"], entry["client"]) == ("5f", "203.0.113.7")
        assert PlainFormatter().format(record("x")).endswith(": x [request 5f, 203.0.113.7]")

    async def test_goes_along_into_threads_and_does_not_stay_there(self, caller: Caller) -> None:
        line = await run_in_thread(PlainFormatter().format, record("x"))
        assert line.endswith("[request 5f, 203.0.113.7]")
        set_caller(NOBODY)
        assert (await run_in_thread(PlainFormatter().format, record("x"))).endswith(": x")

    def test_a_line_can_be_about_another_socket(self) -> None:
        told = record("x")
        told.connection_id = "77"
        assert json.loads(JsonFormatter().format(told))["connection_id"] == "77"
        assert PlainFormatter().format(told).endswith(": x [connection 77]")


class TestWhatWasPrinted:
    @pytest.mark.parametrize(
        ("text", "level", "message"),
        [
            ("warning: no hosts", "WARNING", "no hosts"),
            ("error: no disk", "ERROR", "no disk"),
            ("  web  0.1 s", "INFO", "web  0.1 s"),
        ],
    )
    def test_its_level(self, text: str, level: str, message: str) -> None:
        entry = json.loads(as_json_line(text, "mongodb"))
        del entry["time"]
        assert entry == {
            "level": level, "logger": "mongodb", "process": "mongodb", "message": message,
        }  # fmt: skip

    @pytest.mark.parametrize("text", ['{"time": "x"', '{"time": "x"}', '{"message": "x"}', "x"])
    def test_only_ours_is_taken_as_it_is(self, text: str) -> None:
        assert not is_json_line(text)
        assert is_json_line(json_line("INFO", "x", "y"))
