"""LOG_FORMAT=json: what a child writes becomes log entries, whoever in it writes."""

import os
import threading
from contextlib import suppress
from typing import IO

from imsystem.ops.lines import as_json_line, is_json_line

# What a child has written is read on for so long after its end.
READ_WITHIN_S = 2.0
CONSOLE = 1


class JsonOutput(threading.Thread):
    """Reads from a pipe that is a child's output: libraries and the interpreter write there, too.

    The entries go where the output would go without it: to the child's log, or to our console.
    """

    def __init__(self, name: str, log: IO[bytes] | None) -> None:
        super().__init__(name=f"output of {name}", daemon=True)
        self._child, self._log = name, log
        ours, its = os.pipe()
        self._read, self.pipe = os.fdopen(ours, "rb"), os.fdopen(its, "wb")
        self.start()

    def run(self) -> None:
        with self._read:
            for raw in self._read:
                line = raw.decode(errors="replace").rstrip("\n")
                if line.strip():
                    entry = line if is_json_line(line) else as_json_line(line, self._child)
                    self._write(f"{entry}\n".encode())

    def _write(self, entry: bytes) -> None:
        with suppress(OSError):  # a full disk, a console that is gone: the child must not wait
            if self._log is None:
                os.write(CONSOLE, entry)
            else:
                self._log.write(entry)
                self._log.flush()

    def join(self, timeout: float | None = READ_WITHIN_S) -> None:
        super().join(timeout)
        if self._log is not None and not self.is_alive():
            self._log.close()
