"""LOG_FORMAT=json: whatever a process prints or dies of becomes a log entry, too.

Commands whose output is their result (a dump, a schema, a shell) keep their standard output, and a
person at a terminal is not answered in JSON.
"""

import atexit
import io
import logging
import sys
import threading
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TextIO

from imsystem.ops.lines import as_json_line, json_line, process_name, wants_json

# Their standard output is what they were asked for, often redirected into a file.
RESULTS = frozenset(
    {
        *("dumpdata", "dbshell", "diffsettings", "help", "inspectdb", "makemessages", "shell"),
        *("showmigrations", "spectacular", "sqlmigrate", "version", "--help", "--version"),
    }
)


class JsonLines(io.TextIOBase):
    """A stream that writes an entry for each text that ends with a line break."""

    def __init__(self, stream: TextIO, level: str) -> None:
        self._stream, self._level = stream, level
        self._begun = ""
        self._lock = threading.Lock()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._lock:
            self._begun += text
            if text.endswith("\n"):  # print() writes its text and the line break one by one
                whole, self._begun = self._begun, ""
                self._tell(whole)
        return len(text)

    def _tell(self, text: str) -> None:
        if text.strip():
            self._stream.write(as_json_line(text, process_name(), self._level) + "\n")
            self._stream.flush()

    def flush(self) -> None:
        self._stream.flush()

    def end(self) -> None:
        """What was printed last may have no line break."""
        if self._begun.strip():
            self.write("\n")


def install(arguments: Sequence[str] = ()) -> None:
    """To be called first in every process. Does nothing unless LOG_FORMAT is json."""
    if not wants_json() or isinstance(sys.stderr, JsonLines):
        return
    serves = arguments[1:2] in (["up"], ["runserver"], [])
    if serves or not sys.stderr.isatty():
        sys.stderr = _in_place_of(sys.stderr, "WARNING")
        sys.excepthook = _died
        threading.excepthook = lambda args: _log(args.exc_type, args.exc_value, args.exc_traceback)
        sys.unraisablehook = lambda args: _log(args.exc_type, args.exc_value, args.exc_traceback)
    if serves or not (sys.stdout.isatty() or RESULTS.intersection(arguments[1:])):
        sys.stdout = _in_place_of(sys.stdout, "INFO")
    logging.captureWarnings(True)


def _in_place_of(stream: TextIO, level: str) -> JsonLines:
    lines = JsonLines(stream, level)
    atexit.register(lines.end)
    return lines


def _died(kind: type[BaseException], exc: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _log(kind, exc, trace)


def _log(kind: type[BaseException], exc: BaseException | None, trace: TracebackType | None) -> None:
    """Without what MongoDB says of refused writes (logs.py), when that much is loaded already."""
    text = "".join(traceback.format_exception(kind, exc, trace))
    logs: Any = sys.modules.get("imsystem.ops.logs")
    if logs is not None:
        text = logs.without_documents(text, exc)
    line = json_line("CRITICAL", process_name(), f"ended by {kind.__name__}", exception=text)
    stream: Any = sys.__stderr__
    stream.write(line + "\n")
    stream.flush()
