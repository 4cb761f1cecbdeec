"""Log lines: one event, one line, whatever a client put into it."""

import json
import logging
import time


def _one_line(text: str) -> str:
    """Escapes line breaks and control characters (log injection, ANSI sequences)."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _is_ours(record: logging.LogRecord) -> bool:
    """False for what clients do wrong (1,001 fields, no permission). Django gives a traceback for
    that too, and whoever wants could fill the log with them."""
    status: int = getattr(record, "status_code", 500)
    return status >= 500


class PlainFormatter(logging.Formatter):
    """`2026-11-22T10:00:00Z INFO imsystem.up: text`; only a traceback adds lines."""

    converter = staticmethod(time.gmtime)  # the day and hour of every server alike

    def format(self, record: logging.LogRecord) -> str:
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ")
        line = f"{stamp} {record.levelname} {record.name}: {_one_line(record.getMessage())}"
        if record.exc_info and _is_ours(record):
            return f"{line}\n{self.formatException(record.exc_info)}"
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for log collectors."""

    converter = staticmethod(time.gmtime)  # the day and hour of every server alike

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
