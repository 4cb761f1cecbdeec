"""Places where a test makes this process fail (tests/faults). Without DEBUG they do nothing.

FAILPOINTS is a list of NAME=ACTION@COUNT, separated by commas: at the COUNT-th passage the process
is killed (`kill`), an exception raised (`raise`), or this task paused for 50 ms and the process
killed then (`linger`, so that what was sent before has left). `raise@3` without more; for every
passage from the third on: `raise@3+`.
"""

import asyncio
import os
import signal
from collections import Counter

from django.conf import settings

LINGER_S = 0.05


class FailpointError(Exception):
    """What a failpoint raises: an unexpected error."""


class _Failpoints:
    """The failpoints of one process. Raises ValueError for a list it does not understand."""

    def __init__(self, text: str) -> None:
        self._passed: Counter[str] = Counter()
        self._actions: dict[str, tuple[str, int, bool]] = {}
        for entry in filter(None, text.split(",")):
            name, action = entry.split("=")
            action, count = action.split("@")
            if action not in ("kill", "linger", "raise"):
                raise ValueError(f"FAILPOINTS: {action} is no action")
            self._actions[name] = (action, int(count.removesuffix("+")), count.endswith("+"))

    async def __call__(self, name: str) -> None:
        action, count, on = self._actions.get(name, ("", 0, False))
        self._passed[name] += 1
        if not (self._passed[name] == count or (on and self._passed[name] > count)):
            return
        if action == "raise":
            raise FailpointError(name)
        if action == "linger":
            await asyncio.sleep(LINGER_S)
        if action:
            os.kill(os.getpid(), signal.SIGKILL)


async def _nothing(name: str) -> None:
    """Costs 0.08 µs, for a whole batch of messages."""


# Bound at import: a server without failpoints does not even look for them.
failpoint = _Failpoints(settings.FAILPOINTS) if settings.DEBUG and settings.FAILPOINTS else _nothing
