"""A message as JSON for REST, socket and pages, and as a new document: one builder each."""

from typing import Any, NotRequired, TypedDict

from imsystem.ids import ascending_identity

VOID = "void"


class MessagePayload(TypedDict):
    """A message. Times in Unix milliseconds by the server's clock; null: never."""

    identity: str
    room_identity: str
    user_identity: str
    seq: int
    revision: int
    client_id: str
    kind: str
    data: str
    created_at: int
    updated_at: int
    edited_at: int | None
    recalled_at: int | None
    reply_to: str | None
    duplicate: NotRequired[bool]


def message_payload(document: dict[str, Any]) -> MessagePayload:
    """The payload of a message_basic document."""
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


def new_document(
    *,
    room_identity: str,
    user_identity: str,
    client_id: str,
    seq: int,
    kind: str,
    data: str,
    reply_to: str | None,
    now: int,
) -> dict[str, Any]:
    """A message_basic document as it is first stored, at `now` (Unix ms)."""
    return {
        "_id": ascending_identity(),
        "user_identity": user_identity,
        "room_identity": room_identity,
        "seq": seq,
        "revision": 0,
        "client_id": client_id,
        "kind": kind,
        "data": data,
        "reply_to": reply_to,
        "edited_at": None,
        "recalled_at": None,
        "created_at": now,
        "updated_at": now,
    }
