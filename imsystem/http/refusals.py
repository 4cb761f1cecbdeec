"""How fast a source is refused.

Whoever asks again as soon as they were refused costs as much as somebody who is let in: with four
connections that got nothing but 429, others waited four times as long for their messages. So an
answer that refuses for want of budget is held back when the source has had many of them. A client
that waits for as long as it is told notices nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from random import uniform
from typing import Any

from imsystem.env import Rate
from imsystem.loops import PerLoop
from imsystem.realtime.admission import in_force
from imsystem.realtime.buckets import Buckets

# Between half of it and half of it more: those who were refused together do not come together. Bad
# input is answered within a second.
HELD_S = 0.5
# Too much of something: requests, or bytes of a body.
HELD_STATUSES = frozenset({413, 429})
AT_ONCE = Rate(20, 20)

Send = Callable[[dict[str, Any]], Awaitable[None]]


_refused: Callable[[], Buckets] = PerLoop(lambda: Buckets(in_force(AT_ONCE)))


async def hold(source: str) -> None:
    """Before something is refused: waits, if the source has been refused a lot."""
    if _refused().take(source, time.monotonic()):
        await asyncio.sleep(HELD_S * uniform(0.5, 1.5))  # noqa: S311 -- no secret


def slowly(send: Send, source: str) -> Send:
    """`send` of one HTTP request from this source, that holds refusals back."""

    async def held(message: dict[str, Any]) -> None:
        if message.get("status") in HELD_STATUSES:
            await hold(source)
        await send(message)

    return held
