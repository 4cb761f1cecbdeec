"""Log lines: one event, one line, whatever a client put into it."""

import json
import logging
import math
import time
from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError
from pymongo.errors import BulkWriteError, WriteError

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


def _one_line(text: str) -> str:
    """Escapes line breaks and control characters (log injection, ANSI sequences)."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _is_ours(record: logging.LogRecord) -> bool:
    """False for what clients do wrong (1,001 fields, no permission). Django gives a traceback for
    that too, and whoever wants could fill the log with them."""
    status: int = getattr(record, "status_code", 500)
    return status >= 500


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    """The error, and those it came from."""
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__


def _without_documents(text: str, exc: BaseException | None) -> str:
    """A traceback without what MongoDB says of a write it refused: that quotes the document, which
    is a message or an address of somebody."""
    for each in _chain(exc):
        if isinstance(each, BulkWriteError | WriteError | IntegrityError) and str(each):
            text = text.replace(str(each), f"(text withheld, code {getattr(each, 'code', None)})")
    return text


class _Formatter(logging.Formatter):
    converter = staticmethod(time.gmtime)  # the day and hour of every server alike

    def formatException(self, ei: Any) -> str:
        return _without_documents(super().formatException(ei), ei[1])


class PlainFormatter(_Formatter):
    """`2026-11-22T10:00:00Z INFO imsystem.up: text`; only a traceback adds lines."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ")
        line = f"{stamp} {record.levelname} {record.name}: {_one_line(record.getMessage())}"
        if record.exc_info and _is_ours(record):
            return f"{line}\n{self.formatException(record.exc_info)}"
        return line


class JsonFormatter(_Formatter):
    """One JSON object a line, for log collectors."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and _is_ours(record):
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)
