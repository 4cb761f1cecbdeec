"""What may be said, and until when it may be changed. Pure functions."""

import re
from typing import Any

from django.utils.translation import gettext_lazy as _

from imsystem.errors import BadRequest, Forbidden, TooLarge
from imsystem.text import is_blank
from rooms.choices import Role
from rooms.policies import RANK, Access, may_send

# Also when every character is escaped (a pair of \\uXXXX, 12 bytes) the message fits a frame.
MAX_DATA = 5_000
EDIT_WINDOW_MS = 15 * 60 * 1000
RECALL_WINDOW_MS = 2 * 60 * 1000
CLIENT_KINDS = frozenset({"text"})
CLIENT_ID_PATTERN = r"[!-~]{1,64}"  # printable ASCII without the space
_CLIENT_ID = re.compile(CLIENT_ID_PATTERN)


def valid_data(data: str) -> str:
    """The text, as it came; BadRequest when nothing of it can be seen, TooLarge over MAX_DATA."""
    if len(data) > MAX_DATA:
        raise TooLarge(_("A message has at most 5,000 characters."))
    if "\x00" in data or is_blank(data):
        raise BadRequest(errors={"data": [_("Write something first.")]})
    return data


def valid_client_id(client_id: str) -> str:
    """The client's name for a message; BadRequest unless it is 1 to 64 printable ASCII."""
    if _CLIENT_ID.fullmatch(client_id) is None:
        raise BadRequest(errors={"client_id": [_("Use 1 to 64 letters, digits and signs.")]})
    return client_id


def valid_kind(kind: str) -> str:
    """The kinds a client may send. `system` messages are the server's."""
    if kind not in CLIENT_KINDS:
        raise BadRequest(errors={"kind": [_("This kind of message cannot be sent.")]})
    return kind


def may_edit(access: Access, message: dict[str, Any], now: int) -> None:
    """Own text, within 15 minutes by the server's clock, unless muted or recalled."""
    may_send(access, now)
    if message["user_identity"] != access.user_identity:
        raise Forbidden(_("You can edit your own messages only."))
    if message["recalled_at"] is not None:
        raise Forbidden(_("This message was recalled."))
    if now - message["created_at"] > EDIT_WINDOW_MS:
        raise Forbidden(_("Messages can be edited for 15 minutes."))


def may_recall(access: Access, message: dict[str, Any], now: int) -> None:
    """Own messages within 2 minutes; owners and admins any message of the room at any time.

    What is recalled may be recalled again: whoever did not hear the answer asks once more.
    """
    if access.rank >= RANK[Role.ADMIN]:
        return
    if message["user_identity"] != access.user_identity:
        raise Forbidden(_("You can recall your own messages only."))
    if message["recalled_at"] is None and now - message["created_at"] > RECALL_WINDOW_MS:
        raise Forbidden(_("Messages can be recalled for 2 minutes."))
