"""Who may send, edit and recall what, and until when. Pure functions."""

import re
from typing import Any

from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from imsystem.client_limits import MESSAGE_LENGTH
from imsystem.errors import BadRequest, Forbidden, TooLarge
from imsystem.text import is_blank
from rooms.choices import Role
from rooms.policies import RANK, Access, require_send

CLIENT_ID_PATTERN = r"[!-~]{1,64}"  # printable ASCII without the space
_CLIENT_ID = re.compile(CLIENT_ID_PATTERN)


def valid_data(data: str) -> str:
    """Returns the text unchanged. Raises BadRequest if nothing of it is visible, or TooLarge."""
    if len(data) > MESSAGE_LENGTH:
        raise TooLarge(
            format_lazy(
                _("A message can have at most {most} characters."), most=f"{MESSAGE_LENGTH:,}"
            )
        )
    if "\x00" in data or is_blank(data):
        raise BadRequest(errors={"data": [_("Write something first.")]})
    return data


def valid_client_id(client_id: str) -> str:
    """Returns the client's own id of a message. Raises BadRequest unless it consists of 1 to 64
    printable ASCII characters."""
    if _CLIENT_ID.fullmatch(client_id) is None:
        raise BadRequest(errors={"client_id": [_("Use 1 to 64 ASCII letters, digits or symbols.")]})
    return client_id


def require_edit(access: Access, message: dict[str, Any], now: int) -> None:
    """Own text, within EDIT_WINDOW_S by the server's clock, unless muted or recalled."""
    require_send(access, now)
    if message["user_identity"] != access.user_identity:
        raise Forbidden(_("You can only edit your own messages."))
    if message["recalled_at"] is not None:
        raise Forbidden(_("This message was unsent."))
    if now - message["created_at"] > settings.EDIT_WINDOW_S * 1_000:
        raise Forbidden(_("This message is too old to edit."))


def require_recall(access: Access, message: dict[str, Any], now: int) -> None:
    """Own messages within RECALL_WINDOW_S; owners and admins any message of the room at any time.

    A recalled message may be recalled again, because a client that missed the answer asks again.
    """
    if access.rank >= RANK[Role.ADMIN]:
        return
    if message["user_identity"] != access.user_identity:
        raise Forbidden(_("You can only unsend your own messages."))
    too_old = now - message["created_at"] > settings.RECALL_WINDOW_S * 1_000
    if too_old and message["recalled_at"] is None:
        raise Forbidden(_("This message is too old to unsend."))
