"""Before a web process ends: its sockets are answered and closed, a few at a time.

All at once, their clients would also come back at once, to the processes that are left.
"""

import asyncio
import math

from chat import sweep

STEP_S = 0.02
AT_ONCE = 10  # 500 a second ...
MAX_STEPS = 100  # ... or faster, so that it takes 2 s at most


async def drain() -> None:
    """Closes every socket with 1012. Takes 2 s and the time of the last answers, at most 3 s."""
    sockets = sweep.watched()
    each = max(AT_ONCE, math.ceil(len(sockets) / MAX_STEPS))
    finishing = []
    for start in range(0, len(sockets), each):
        if start:
            await asyncio.sleep(STEP_S)
        finishing += [asyncio.ensure_future(s.finish()) for s in sockets[start : start + each]]
    await asyncio.gather(*finishing, return_exceptions=True)
