"""The JSON of a message: one builder for REST, socket and pages."""

from typing import Any, NotRequired, TypedDict

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
