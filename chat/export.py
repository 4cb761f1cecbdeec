"""The messages in a person's export of their data (accounts/services/export.py)."""

from collections.abc import AsyncIterator

from accounts.models import User
from chat.models import Message
from chat.payloads import MessagePayload, message_payload
from imsystem.mongo.clients import collection_of
from imsystem.threads import run_in_thread
from rooms.export import rooms_ever

BATCH = 500


async def exported_messages(user: User) -> AsyncIterator[MessagePayload]:
    """What the user sent, room by room in order of seq, also in rooms they have left.

    Each room is one range of the index (room_identity, user_identity, client_id); the server
    sorts it. Every batch has its own deadline, so that the whole may take as long as it takes.
    """
    for room_identity in await run_in_thread(rooms_ever, user.pk):
        own = {"room_identity": room_identity, "user_identity": user.pk}
        found = collection_of(Message).find(own, batch_size=BATCH).sort("seq", 1)
        async for document in found:
            yield message_payload(document)
