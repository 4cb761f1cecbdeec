"""What is said of rooms and chosen for them."""

from django.utils.translation import gettext_lazy as _

from imsystem.errors import BadRequest
from imsystem.text import is_blank, is_plain_line
from rooms.choices import History, JoinRule

MAX_NAME = 64
MAX_INFO = 500
MAX_REASON = 200


def valid_name(text: str) -> str:
    """The trimmed name; BadRequest when it is blank, too long or not one line."""
    name = text.strip()
    if is_blank(name):
        raise BadRequest(errors={"name": [_("Give the group a name.")]})
    if len(name) > MAX_NAME or not is_plain_line(name):
        raise BadRequest(errors={"name": [_("Use one line of at most 64 characters.")]})
    return name


def valid_info(text: str) -> str:
    """The trimmed description; BadRequest when it is too long."""
    info = "" if is_blank(text) else text.strip()
    if len(info) > MAX_INFO or "\x00" in info:
        raise BadRequest(errors={"info": [_("Use at most 500 characters.")]})
    return info


def valid_reason(text: str) -> str:
    """The trimmed reason of a ban, which may be empty; BadRequest unless it is one short line."""
    reason = text.strip()
    if len(reason) > MAX_REASON or not is_plain_line(reason):
        raise BadRequest(errors={"reason": [_("Use one line of at most 200 characters.")]})
    return reason


def valid_join_rule(rule: str) -> str:
    if rule not in JoinRule.values:
        raise BadRequest(errors={"join_rule": [_("Choose who can join.")]})
    return rule


def valid_history(history: str) -> str:
    if history not in History.values:
        raise BadRequest(errors={"history": [_("Choose what new members can read.")]})
    return history
