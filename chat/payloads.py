"""The builders of a message's JSON (REST, socket and pages) and of its document."""

from typing import Any, NotRequired, TypedDict

from chat.kinds import Content, Identity
from imsystem.ids import ascending_identity

VOID = "void"


class MessagePayload(TypedDict):
    """A message as clients get it. Times are Unix milliseconds by the server's clock, or null."""

    identity: Identity
    room_identity: Identity
    user_identity: Identity
    seq: int
    revision: int
    client_id: str
    kind: str
    data: str
    created_at: int
    updated_at: int
    edited_at: int | None
    recalled_at: int | None
    reply_to: Identity | None
    duplicate: NotRequired[bool]


def message_payload(document: dict[str, Any]) -> MessagePayload:
    """Returns the payload of a message_basic document."""
    return {
        "identity": document["_id"],
        "room_identity": document["room_identity"],
        "user_identity": document["user_identity"],
        "seq": document["seq"],
        "revision": document["revision"],
        "client_id": document["client_id"],
        "kind": document["kind"],
        "data": document["data"],
        "created_at": document["created_at"],
        "updated_at": document["updated_at"],
        "edited_at": document["edited_at"],
        "recalled_at": document["recalled_at"],
        "reply_to": document["reply_to"],
    }


class EditPayload(TypedDict):
    """An earlier text of a message. `created_at` is when it was written, `replaced_at` when a
    change replaced it."""

    message_identity: Identity
    room_identity: Identity
    seq: int
    revision: int
    kind: str
    data: str
    created_at: int
    replaced_at: int
    recalled_at: int | None


def edit_payload(document: dict[str, Any]) -> EditPayload:
    """Returns the payload of a message_edit document."""
    return {
        "message_identity": document["message_identity"],
        "room_identity": document["room_identity"],
        "seq": document["seq"],
        "revision": document["revision"],
        "kind": document["kind"],
        "data": document["data"],
        "created_at": document["created_at"],
        "replaced_at": document["updated_at"],
        "recalled_at": document["recalled_at"],
    }


def new_document(
    *,
    room_identity: str,
    user_identity: str,
    client_id: str,
    seq: int,
    content: Content,
    now: int,
) -> dict[str, Any]:
    """Returns the document that is inserted for a new message, at `now` (Unix ms)."""
    return {
        "_id": ascending_identity(),
        "user_identity": user_identity,
        "room_identity": room_identity,
        "seq": seq,
        "revision": 0,
        "client_id": client_id,
        "kind": content.kind,
        "data": content.data,
        "reply_to": content.reply_to,
        "edited_at": None,
        "recalled_at": None,
        "created_at": now,
        "updated_at": now,
    }
