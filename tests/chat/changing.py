"""A process beside the tests' own: edits messages, all at once. Arguments: user, text,
identities."""

import asyncio
import sys

import django

django.setup(set_prefix=False)

from chat.services import edit_message  # noqa: E402 -- models need Django set up


async def main(user: str, text: str, identities: list[str]) -> None:
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    changed = await asyncio.gather(
        *(
            edit_message(user_identity=user, message_identity=each, data=f"{text} {number}")
            for number, each in enumerate(identities)
        )
    )
    print(*(message["revision"] for message in changed), flush=True)


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
