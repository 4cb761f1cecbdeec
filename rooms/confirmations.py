"""What is asked before something that cannot be undone, on a page of its own."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rooms.payloads import MemberPayload


class Question(NamedTuple):
    """`action` is that of the form which does it, `text` names the member if it is about one."""

    action: str
    heading: str | Promise
    text: str
    button: str | Promise
    user_identity: str = ""


_OF_THE_ROOM = {
    "leave": (
        _("Leave this group?"),
        _("You will no longer receive its messages. To come back, you need the group number."),
        _("Leave group"),
    ),
    "delete": (
        _("Delete this group?"),
        _("Nobody will be able to read or write in it any more. This cannot be undone."),
        _("Delete group"),
    ),
}
_OF_A_MEMBER = {
    "remove": (
        _("Remove this member?"),
        _("%(name)s will no longer be able to read or write here."),
        _("Remove from group"),
    ),
    "ban": (
        _("Remove and ban this member?"),
        _("%(name)s will no longer be able to read or write here, and cannot come back."),
        _("Remove and ban"),
    ),
    "make_owner": (
        _("Transfer ownership?"),
        _("%(name)s will own this group, and you will be an admin. Only they can give it back."),
        _("Transfer ownership"),
    ),
}


def confirmation(query: Mapping[str, str], members: Sequence[MemberPayload]) -> Question | None:
    """Returns the question of `?confirm=<action>`; None if there is nothing to ask."""
    action = query.get("confirm", "")
    if action in _OF_THE_ROOM:
        heading, text, button = _OF_THE_ROOM[action]
        return Question(action, heading, str(text), button)
    if action not in _OF_A_MEMBER:
        return None
    for member in members:
        if member["user"]["identity"] == query.get("user_identity"):
            heading, text, button = _OF_A_MEMBER[action]
            named = str(text) % {"name": member["user"]["nickname"]}
            return Question(action, heading, named, button, member["user"]["identity"])
    return None
