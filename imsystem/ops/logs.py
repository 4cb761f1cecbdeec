"""Log lines: one event, one line, whatever a client put into it."""

import logging
import math
import time
from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError
from pymongo.errors import BulkWriteError, WriteError

from imsystem.ops.lines import current_caller, json_line, one_line

WARN_EVERY_S = 60.0


class Seldom:
    """Warnings of one kind, one a minute at most: a flood must not fill the log, too."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._warned_at = -math.inf

    def warning(self, text: str, *arguments: object) -> None:
        now = time.monotonic()
        if now - self._warned_at > WARN_EVERY_S:
            self._warned_at = now
            self._logger.warning(text, *arguments)


def _is_ours(record: logging.LogRecord) -> bool:
    """Returns False for what clients do wrong (1,001 fields, no permission). Django gives a
    traceback for that too, and anybody could fill the log with them."""
    status: int = getattr(record, "status_code", 500)
    return status >= 500


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    """The error, and those it came from."""
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__


def without_documents(text: str, exc: BaseException | None) -> str:
    """Returns a traceback without what MongoDB says of a write it refused: that quotes the
    document, which may be a message or an address."""
    for each in _chain(exc):
        if isinstance(each, BulkWriteError | WriteError | IntegrityError) and str(each):
            text = text.replace(str(each), f"(text withheld, code {getattr(each, 'code', None)})")
    return text


class _Formatter(logging.Formatter):
    converter = staticmethod(time.gmtime)  # the day and hour of every server alike

    def formatException(self, ei: Any) -> str:
        return without_documents(super().formatException(ei), ei[1])


class PlainFormatter(_Formatter):
    """`2026-11-22T10:00:00Z INFO imsystem.up: text [request 5f…, 203.0.113.7]`.

    Only a traceback adds lines. They are indented: none of them looks like an entry of its own,
    whatever a client has put into the error's text.
    """

    def format(self, record: logging.LogRecord) -> str:
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ")
        text = f"{one_line(record.getMessage())}{_whose(record)}"
        line = f"{stamp} {record.levelname} {record.name}: {text}"
        if record.exc_info and _is_ours(record):
            trace = self.formatException(record.exc_info)
            return "\n  ".join([line, *map(one_line, trace.splitlines())])
        return line


def _connection_of(record: logging.LogRecord) -> str:
    """The socket that a line is about, which need not be the one that is being served."""
    return getattr(record, "connection_id", "") or current_caller().connection_id


def _whose(record: logging.LogRecord) -> str:
    caller, connection = current_caller(), _connection_of(record)
    parts = [
        f"request {caller.request_id}" if caller.request_id else "",
        f"connection {connection}" if connection else "",
        caller.client,
    ]
    told = ", ".join(filter(None, parts))
    return f" [{told}]" if told else ""


class JsonFormatter(_Formatter):
    """One JSON object a line, for log collectors."""

    def format(self, record: logging.LogRecord) -> str:
        more = {"connection_id": _connection_of(record)}
        if record.exc_info and _is_ours(record):
            more["exception"] = self.formatException(record.exc_info)
        return json_line(record.levelname, record.name, record.getMessage(), **more)
