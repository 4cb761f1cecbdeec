"""A process beside the tests': does the same thing several times at the same moment.

Arguments: owner, member and outsider (identities), the number of a group, and messages of the owner
in it. Prints the outcomes as JSON: the names of exceptions, or "done".
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable
from typing import Any

import django

django.setup(set_prefix=False)

from accounts.models import User  # noqa: E402 -- models need Django set up
from chat import inbox  # noqa: E402
from chat.services import edit_message  # noqa: E402
from imsystem.loops import adopt_running_loop  # noqa: E402
from imsystem.threads import run_in_thread  # noqa: E402
from rooms.services import join, open_direct  # noqa: E402

TIMES = 8


async def outcomes(*work: Awaitable[Any]) -> list[str]:
    done = await asyncio.gather(*work, return_exceptions=True)
    return [type(each).__name__ if isinstance(each, BaseException) else "done" for each in done]


async def main(owner: str, member: str, outsider: str, number: str, *messages: str) -> None:
    adopt_running_loop()
    user = await run_in_thread(User.objects.get, pk=outsider)
    joins = (run_in_thread(join, inbox=inbox, user=user, number=number) for _ in range(TIMES))
    opens = (
        run_in_thread(open_direct, inbox=inbox, user=user, peer_identity=member)
        for _ in range(TIMES)
    )
    edits = (
        edit_message(user_identity=owner, message_identity=each, data=f"{n} of {os.getpid()}")
        for each in messages
        for n in range(TIMES)
    )
    found = {
        "joins": await outcomes(*joins),
        "opens": await outcomes(*opens),
        "edits": await outcomes(*edits),
    }
    print(json.dumps(found), flush=True)


asyncio.run(main(*sys.argv[1:]))
