"""The server's clock. Everything that reads the time calls this, so that tests can move it."""

import time


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000
