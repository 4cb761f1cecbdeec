"""One event, one line: what a log line is made of, in every process, with or without Django.

The supervisor uses this too, so nothing here imports Django or a database.
"""

import json
import os
import sys
import time
from contextvars import ContextVar
from dataclasses import dataclass

from imsystem.env import env

# Longer ones are cut: a path may have 64 KiB, and whoever likes sends a thousand of them.
MAX_MESSAGE = 4_000
# Told by the supervisor to the processes it starts.
PROCESS_VARIABLE = "IMSYSTEM_PROCESS"
_PREFIXES = {"warning: ": "WARNING", "error: ": "ERROR"}


@dataclass(frozen=True, slots=True)  # an open socket keeps one
class Caller:
    """Whose request or socket is being worked on. Told in every log line of it."""

    request_id: str = ""
    connection_id: str = ""
    client: str = ""


NOBODY = Caller()
_caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY)
set_caller = _caller.set
current_caller = _caller.get


def wants_json() -> bool:
    """Whether LOG_FORMAT asks for it. A word that is none is refused elsewhere (settings.py)."""
    word: str = env.str("LOG_FORMAT", default="plain")
    return word.strip().lower() == "json"


def process_name() -> str:
    """`up`, `web worker 1`, or the management command."""
    return os.environ.get(PROCESS_VARIABLE) or "".join(sys.argv[1:2]) or "python"


def one_line(text: str) -> str:
    """Escapes line breaks and whatever else is not printable (log injection, ANSI sequences)."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in shortened(text))


def shortened(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}…"


def json_line(level: str, logger: str, message: str, **more: str) -> str:
    """Returns a JSON object without a line break of any kind, or anything a terminal obeys."""
    caller = current_caller()
    entry = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "level": level,
        "logger": logger,
        "process": process_name(),
        "message": shortened(message),
        "request_id": caller.request_id,
        "connection_id": caller.connection_id,
        "client": caller.client,
        **more,
    }
    text = json.dumps({name: value for name, value in entry.items() if value}, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def is_json_line(line: str) -> bool:
    """Whether a process of ours has made it with `json_line`."""
    if not line.startswith('{"time": "'):
        return False
    try:
        return "message" in json.loads(line)
    except ValueError:
        return False


def as_json_line(text: str, process: str, level: str = "INFO") -> str:
    """The entry for what a process printed: `warning: …` and `error: …` say how bad it is."""
    message = text.strip()
    for prefix, its_level in _PREFIXES.items():
        if message.startswith(prefix):
            message, level = message.removeprefix(prefix), its_level
    return json_line(level, process, message, process=process)
