"""Earlier texts of messages: what an edit replaced, and what a recall took back (message_edit).

An edit keeps the text that it replaces. A recall removes all earlier texts of the message, or keeps
them and the recalled text for KEEP_RECALLED_DAYS, if the operator has set that.
"""

from collections.abc import AsyncIterator

from django.conf import settings
from pymongo import DeleteMany, InsertOne, UpdateMany

from accounts.models import User
from chat.changes import Change, EditWrite, Mutation
from chat.kinds import BLANK
from chat.models import Edit
from chat.payloads import EditPayload, edit_payload
from imsystem.clock import now_ms
from imsystem.ids import new_identity
from imsystem.loops import run_on_loop
from imsystem.mongo.clients import Document, collection_of

DAY_MS = 24 * 60 * 60 * 1000
EXPIRE_EVERY_S = 3_600.0


def edited(data: str, actor: str) -> Mutation:
    """Returns the mutation that gives a message a new text and keeps the earlier one."""

    def mutate(message: Document, now: int) -> Change | None:
        if message["data"] == data:
            return None
        fields = {"data": data, "edited_at": now, "updated_at": now}
        return Change(fields, [InsertOne(_earlier(message, actor, now))])

    return mutate


def recalled(actor: str) -> Mutation:
    """Returns the mutation that takes a message back: its content goes, its place stays."""

    def mutate(message: Document, now: int) -> Change | None:
        if message["recalled_at"] is not None:
            return None
        fields = {**BLANK, "recalled_at": now, "updated_at": now}
        return Change(fields, _edits_of_recall(message, actor, now))

    return mutate


def _edits_of_recall(message: Document, actor: str, now: int) -> list[EditWrite]:
    was_edited = message["edited_at"] is not None
    of_message = {"message_identity": message["_id"]}
    if not settings.KEEP_RECALLED_DAYS:
        return [DeleteMany(of_message)] if was_edited else []
    writes: list[EditWrite] = [InsertOne(_earlier(message, actor, now, recalled_at=now))]
    if was_edited:
        writes.append(UpdateMany(of_message, {"$set": {"recalled_at": now}}))
    return writes


def _earlier(message: Document, actor: str, now: int, recalled_at: int | None = None) -> Document:
    """Returns the message_edit document of what a message says until now."""
    return {
        "_id": new_identity(),
        "message_identity": message["_id"],
        "room_identity": message["room_identity"],
        "user_identity": message["user_identity"],
        "seq": message["seq"],
        "revision": message["revision"],
        "kind": message["kind"],
        **{name: message[name] for name in BLANK},
        "changed_by": actor,
        "recalled_at": recalled_at,
        "created_at": message["edited_at"] or message["created_at"],
        "updated_at": now,
    }


# --- how long they are kept -----------------------------------------------------------------


async def expire_recalled(now: int) -> int:
    """Deletes the texts of messages that were recalled KEEP_RECALLED_DAYS ago; returns how many.

    The time counts from the recall, so a shorter setting also holds for earlier recalls.
    """
    until = now - settings.KEEP_RECALLED_DAYS * DAY_MS
    expired = {"recalled_at": {"$gt": 0, "$lte": until}}
    return (await collection_of(Edit).delete_many(expired)).deleted_count


def expire_recalled_now() -> int:
    """Does so for synchronous callers; a chore of every process."""
    return run_on_loop(expire_recalled(now_ms()))


def erase_edits(user: User) -> None:
    """Deletes what a user has edited away, when their account is deleted.

    Recalled texts that the operator keeps as evidence stay until their time is over.
    """
    Edit.objects.filter(user_identity=user.pk, recalled_at=None).delete()


async def exported_edits(user: User) -> AsyncIterator[EditPayload]:
    """Yields the earlier texts of a user's messages, for the export of their data."""
    found = collection_of(Edit).find({"user_identity": user.pk}).sort("updated_at", 1)
    async for document in found:
        yield edit_payload(document)
