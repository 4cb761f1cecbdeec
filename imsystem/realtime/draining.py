"""Answers and closes the sockets of a web process before it ends, a few at a time.

If all were closed at once, their clients would come back at once to the remaining processes.
"""

import asyncio
import math

from imsystem.realtime.sockets import watched

STEP_S = 0.02
AT_ONCE = 10  # 500 a second ...
MAX_STEPS = 100  # ... or faster, so that it takes 2 s at most


async def drain() -> None:
    """Closes every socket with 1012. It takes 2 s and the last answers, at most 3 s."""
    sockets = watched()
    each = max(AT_ONCE, math.ceil(len(sockets) / MAX_STEPS))
    finishing = []
    for start in range(0, len(sockets), each):
        if start:
            await asyncio.sleep(STEP_S)
        finishing += [asyncio.ensure_future(s.finish()) for s in sockets[start : start + each]]
    await asyncio.gather(*finishing, return_exceptions=True)
