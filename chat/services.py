"""Sends, edits and recalls messages and moves read positions, for every transport."""

import asyncio
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.privacy import RECEIPT, privacy_of
from chat import policies
from chat.changes import change
from chat.edits import edited, recalled
from chat.frames import RoomRead, Typing
from chat.heads import room_head
from chat.journal import current_journal
from chat.kinds import Content, check_edit, check_sent
from chat.payloads import MessagePayload
from chat.selectors import message_at, message_document
from chat.submission import Stored, Submission
from imsystem.budgets import COMMAND, reads
from imsystem.clock import now_ms
from imsystem.errors import BadRequest, NotFound
from imsystem.limits import Limit
from imsystem.mongo.clients import Document
from imsystem.realtime.events import Deliver
from imsystem.realtime.frames import encode
from imsystem.realtime.hub import current_hub
from imsystem.realtime.topics import room_topic, user_topic
from rooms.access import access
from rooms.policies import Access, can_read, require_send
from rooms.positions import advance_position

# By requests. Sockets count in memory (chat/consumer.py): Redis would cost each message 0.2 ms.
WRITES = Limit.at("messages", settings.MESSAGES_PER_USER, lenient=True)

# Returns the content to store, or raises what is wrong with it.
Check = Callable[[Content], Content]


async def submit_message(
    *,
    user_identity: str,
    room_identity: str,
    client_id: str,
    content: Content,
    check: Check = check_sent,
) -> "asyncio.Future[Stored]":
    """Checks a message and queues it; the future is done when the message is stored.

    Raises NotFound (not a member), Muted, BadRequest or TooLarge. A client_id that was sent before
    gives the first message back, whatever the content is now.
    """
    standing = await access(user_identity, room_identity)
    require_send(standing, now_ms())
    policies.valid_client_id(client_id)
    content = check(content)
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
    if not (same and can_read(standing.floor_seq, document["seq"])):
        raise BadRequest(errors={"reply_to": [_("There is no such message in this conversation.")]})


async def edit_message(*, user_identity: str, message_identity: str, data: str) -> MessagePayload:
    """Changes the text of the user's own message and keeps the earlier text.

    Raises NotFound, Forbidden, Muted, BadRequest, TooLarge or Unavailable.
    """

    def rule(standing: Access, message: Document, now: int) -> None:
        check_edit(message, data)
        policies.require_edit(standing, message, now)

    return await change(message_identity, user_identity, rule, edited(data, user_identity))


async def recall_message(*, user_identity: str, message_identity: str) -> MessagePayload:
    """Takes a message back: its text is deleted, its place stays. Recalling twice is no error.

    Raises NotFound, Forbidden or Unavailable.
    """
    return await change(
        message_identity, user_identity, policies.require_recall, recalled(user_identity)
    )


async def mark_read(*, user_identity: str, room_identity: str, seq: int) -> int:
    """Moves the user's read position forward, to the newest message at most, and returns it.

    A lower seq changes nothing. The user's own devices are told, and the others in the room unless
    the user has read receipts off. Raises NotFound for strangers.
    """
    reads().check(user_identity)
    reads().spend(user_identity, COMMAND)
    await access(user_identity, room_identity)
    privacy = await privacy_of(user_identity)
    head = await room_head(room_identity)
    seq = min(seq, head.last_seq)
    message = await message_at(room_identity, seq)
    position, moved = await advance_position(user_identity, room_identity, seq, message)
    if moved:
        _publish_read(user_identity, room_identity, seq, to_others=privacy.receipts)
    return position


def _publish_read(user_identity: str, room_identity: str, seq: int, *, to_others: bool) -> None:
    frame = encode(RoomRead(room_identity=room_identity, user_identity=user_identity, seq=seq))
    events = [Deliver(user_topic(user_identity), frame)]
    if to_others:
        topic = room_topic(room_identity)
        events.append(Deliver(topic, frame, skip_user=user_identity, category=RECEIPT))
    current_hub().publish(*events)


async def announce_typing(*, user_identity: str, room_identity: str) -> None:
    """Tells the others in the room that the user is typing. Nothing is stored. Raises NotFound or
    Muted."""
    require_send(await access(user_identity, room_identity), now_ms())
    frame = encode(Typing(room_identity=room_identity, user_identity=user_identity))
    current_hub().publish(Deliver(room_topic(room_identity), frame, skip_user=user_identity))
