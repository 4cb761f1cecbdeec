"""Everything that changes messages or read positions, for REST, socket, pages and commands."""

import asyncio
from collections.abc import Awaitable, Callable
from secrets import randbelow
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession

from accounts.privacy import RECEIPT, privacy_of
from chat import policies
from chat.frames import MessageUpdated, RoomRead, Typing
from chat.heads import room_head
from chat.journal import current_journal
from chat.kinds import Content, check_edit, check_sent
from chat.payloads import MessagePayload, message_payload
from chat.selectors import message_document
from chat.submission import Stored, Submission
from imsystem.budgets import COMMAND, reads
from imsystem.clock import now_ms
from imsystem.errors import BadRequest, NotFound, Unavailable
from imsystem.limits import Limit
from imsystem.mongo.clients import Document, collection, mongo_client
from imsystem.realtime.events import Deliver
from imsystem.realtime.frames import encode
from imsystem.realtime.hub import current_hub
from imsystem.realtime.topics import room_topic, user_topic
from rooms.access import access
from rooms.policies import Access, may_read, may_send

# By requests. Sockets count in memory (chat/consumer.py): Redis would cost each message 0.2 ms.
WRITES = Limit.at("messages", settings.MESSAGES_PER_USER, lenient=True)

# How often a change is tried that others overtake. 12 edits of one message took up to 5 tries.
MAX_ATTEMPTS = 8
FIRST_WAIT_MS = 8


async def submit_message(
    *,
    user_identity: str,
    room_identity: str,
    client_id: str,
    content: Content,
) -> "asyncio.Future[Stored]":
    """Checks a message and queues it; the future is done when the message is stored.

    Raises NotFound (not a member), Muted, BadRequest or TooLarge. A client_id that was sent before
    gives the first message back, whatever the content is now.
    """
    standing = await access(user_identity, room_identity)
    may_send(standing, now_ms())
    policies.valid_client_id(client_id)
    content = check_sent(content)
    if content.reply_to is not None:
        await _must_be_readable(content.reply_to, standing)
    submission = Submission(room_identity, user_identity, client_id, content)
    return current_journal().submit(submission)


async def send_message(
    *, user_identity: str, room_identity: str, client_id: str, **fields: Any
) -> Stored:
    """Sends a message and waits until it is stored. `fields` are those of Content."""
    stored = await submit_message(
        user_identity=user_identity,
        room_identity=room_identity,
        client_id=client_id,
        content=Content(**fields),
    )
    return await stored


async def _must_be_readable(message_identity: str, standing: Access) -> None:
    try:
        document = await message_document(message_identity)
    except NotFound:
        document = {"room_identity": "", "seq": 0}
    same = document["room_identity"] == standing.room_identity
    if not (same and may_read(standing.floor_seq, document["seq"])):
        raise BadRequest(errors={"reply_to": [_("There is no such message in this room.")]})


async def edit_message(*, user_identity: str, message_identity: str, data: str) -> MessagePayload:
    """Changes the text of an own message. Raises NotFound, Forbidden, Muted, BadRequest, and
    Unavailable when the room changes too fast."""

    async def edit() -> MessagePayload:
        document, standing = await _message_of_member(user_identity, message_identity)
        now = now_ms()
        check_edit(document, data)
        policies.may_edit(standing, document, now)
        if document["data"] == data:
            return message_payload(document)
        return await _change(document, {"data": data, "edited_at": now, "updated_at": now})

    return await _until_first(edit)


async def recall_message(*, user_identity: str, message_identity: str) -> MessagePayload:
    """Takes a message back: its text is deleted, its place stays. Recalling twice is no error.
    Raises NotFound, Forbidden, and Unavailable when the room changes too fast."""

    async def recall() -> MessagePayload:
        document, standing = await _message_of_member(user_identity, message_identity)
        now = now_ms()
        policies.may_recall(standing, document, now)
        if document["recalled_at"] is not None:
            return message_payload(document)
        return await _change(document, {"data": "", "recalled_at": now, "updated_at": now})

    return await _until_first(recall)


class _OvertakenError(Exception):
    """Another change of the message or of its room was stored first."""


async def _until_first(change: Callable[[], Awaitable[MessagePayload]]) -> MessagePayload:
    """Looks at the message again and tries again as long as others come first."""
    for attempt in range(MAX_ATTEMPTS):
        try:
            return await change()
        except _OvertakenError:
            # Not all at the same moment again.
            await asyncio.sleep(randbelow(FIRST_WAIT_MS * 2**attempt) / 1_000)
    raise Unavailable


async def _message_of_member(user_identity: str, message_identity: str) -> tuple[Document, Access]:
    document = await message_document(message_identity)
    standing = await access(user_identity, document["room_identity"])
    if not may_read(standing.floor_seq, document["seq"]):
        raise NotFound
    return document, standing


async def _change(document: Document, fields: dict[str, Any]) -> MessagePayload:
    """Stores a change of a message under the room's next revision, then tells the room. Raises
    _OvertakenError when either has changed since.

    One transaction: nobody can see the room's new revision before the message that carries it.
    """
    changed = {**document, **fields}

    async def write(session: AsyncClientSession) -> None:
        changed["revision"] = await _next_revision(session, document["room_identity"])
        updated = await collection("message_basic").update_one(
            {"_id": document["_id"], "revision": document["revision"]},
            {"$set": {**fields, "revision": changed["revision"]}},
            session=session,
        )
        if updated.modified_count != 1:
            raise _OvertakenError

    client: AsyncMongoClient[Document] = mongo_client()
    async with client.start_session() as session:
        await session.with_transaction(write)
    payload = message_payload(changed)
    _publish_change(payload)
    return payload


async def _next_revision(session: AsyncClientSession, room_identity: str) -> int:
    """Takes the room's next revision inside the transaction."""
    rooms = collection("room_basic")
    room = await rooms.find_one({"_id": room_identity}, {"revision": 1}, session=session)
    if room is None:
        raise NotFound
    revision: int = room["revision"]
    taken = await rooms.update_one(
        {"_id": room_identity, "revision": revision},
        {"$set": {"revision": revision + 1}},
        session=session,
    )
    if taken.modified_count != 1:
        raise _OvertakenError
    return revision + 1


def _publish_change(message: MessagePayload) -> None:
    room_identity = message["room_identity"]
    frame = encode(MessageUpdated(room_identity=room_identity, message=message))
    current_hub().publish(
        Deliver(room_topic(room_identity), frame, seq=message["seq"], revision=message["revision"])
    )


async def mark_read(*, user_identity: str, room_identity: str, seq: int) -> int:
    """Moves the user's read position forward, to the newest message at most; returns it.

    Going back changes nothing. Raises NotFound for strangers. The others are told unless the user
    has read receipts off; their own devices in any case.
    """
    reads().check(user_identity)
    reads().spend(user_identity, COMMAND)
    await access(user_identity, room_identity)
    privacy = await privacy_of(user_identity)
    head = await room_head(room_identity)
    seq = min(seq, head.last_seq)
    mine = {"room_identity": room_identity, "user_identity": user_identity}
    members = collection("user_room")
    message = await collection("message_basic").find_one(
        {"room_identity": room_identity, "seq": seq}, {"_id": 1}
    )
    fields = {"read_seq": seq, "updated_at": now_ms()}
    if message is not None:
        fields["message_identity"] = message["_id"]
    moved = await members.update_one({**mine, "read_seq": {"$lt": seq}}, {"$set": fields})
    if moved.modified_count != 1:
        row = await members.find_one(mine, {"read_seq": 1})
        if row is None:
            raise NotFound
        return int(row["read_seq"])
    _publish_read(user_identity, room_identity, seq, to_others=privacy.receipts)
    return seq


def _publish_read(user_identity: str, room_identity: str, seq: int, *, to_others: bool) -> None:
    frame = encode(RoomRead(room_identity=room_identity, user_identity=user_identity, seq=seq))
    events = [Deliver(user_topic(user_identity), frame)]
    if to_others:
        topic = room_topic(room_identity)
        events.append(Deliver(topic, frame, skip_user=user_identity, category=RECEIPT))
    current_hub().publish(*events)


async def announce_typing(*, user_identity: str, room_identity: str) -> None:
    """Tells the others in the room that the user is typing. Nothing is stored."""
    may_send(await access(user_identity, room_identity), now_ms())
    frame = encode(Typing(room_identity=room_identity, user_identity=user_identity))
    current_hub().publish(Deliver(room_topic(room_identity), frame, skip_user=user_identity))
