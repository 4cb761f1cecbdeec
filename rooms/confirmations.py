"""What is asked before something that cannot be undone, on a page of its own."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rooms.choices import JoinRule, Kind, Role
from rooms.payloads import MemberPayload, RoomPayload


class Question(NamedTuple):
    """`action` is that of the form which does it, `text` names the member if it is about one."""

    action: str
    heading: str | Promise
    text: str
    button: str | Promise
    user_identity: str = ""


_DELETING_THE_GROUP = (
    _("Delete this group?"),
    _("Nobody will be able to read or write in it any more. This cannot be undone."),
    _("Delete group"),
)
_LEAVE = (_("Leave this group?"), _("Leave group"))
# How one comes back depends on who gets in.
_LEAVING = {
    JoinRule.OPEN: _(
        "You will no longer receive its messages. To come back, you need the group number."
    ),
    JoinRule.INVITE: _(
        "You will no longer receive its messages. Only the owner or an admin can add you again."
    ),
}
_DELETING_MY_SIDE = (
    _("Delete this conversation?"),
    _("It is deleted for you only; %(name)s keeps it. It comes back if they write to you again."),
    _("Delete for me"),
)
_LEAVING_AS_OWNER = _("You will no longer receive its messages. Another member becomes the owner.")
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
        _(
            "If %(name)s accepts, they will own this group and you will be an admin. You can"
            " withdraw the offer until then; it ends after 7 days."
        ),
        _("Offer ownership"),
    ),
}


def confirmation(
    query: Mapping[str, str], room: RoomPayload, members: Sequence[MemberPayload]
) -> Question | None:
    """Returns the question of `?confirm=<action>`; None if there is nothing to ask."""
    action = query.get("confirm", "")
    if action == "leave":
        return Question(action, _LEAVE[0], str(_leaving(room)), _LEAVE[1])
    if action == "delete":
        direct = room["kind"] == Kind.DIRECT
        heading, text, button = _DELETING_MY_SIDE if direct else _DELETING_THE_GROUP
        return Question(action, heading, str(text) % {"name": room["name"]}, button)
    if action not in _OF_A_MEMBER:
        return None
    for member in members:
        if member["user"]["identity"] == query.get("user_identity"):
            heading, text, button = _OF_A_MEMBER[action]
            named = str(text) % {"name": member["user"]["nickname"]}
            return Question(action, heading, named, button, member["user"]["identity"])
    return None


def _leaving(room: RoomPayload) -> str | Promise:
    if room["role"] == Role.OWNER:
        return _LEAVING_AS_OWNER
    return _LEAVING[JoinRule(room["join_rule"])]
