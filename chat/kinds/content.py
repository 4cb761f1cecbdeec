"""The content of a message, as one value from the socket frame or request to the document."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from imsystem.ids import IDENTITY_PATTERN

# Anchored: msgspec searches for a pattern, it does not match the whole string.
Identity = Annotated[str, msgspec.Meta(pattern=rf"\A{IDENTITY_PATTERN}\Z")]


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender says. The fields have the same names in frames, requests and documents.

    `message.send` (chat/protocol.py) extends this struct and the REST body (chat/serializers.py)
    is derived from it, so both take a new field as soon as it is declared here.
    """

    kind: str = "text"
    data: str
    reply_to: Identity | None = None


# What remains of the content when a message is recalled: these fields are set to these values.
BLANK: Mapping[str, Any] = {"data": ""}
