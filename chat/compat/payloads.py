"""Users and messages under the original's names; what they hold comes from the usual builders."""

from typing import Any

from accounts.models import User
from accounts.payloads import own_user, public_user
from chat.payloads import MessagePayload


def _seconds(milliseconds: int) -> int:
    return milliseconds // 1000


def user_detail(user: User) -> dict[str, Any]:
    """Oneself, without the password hash that the original showed. Times in Unix seconds."""
    own = own_user(user)
    return {
        "Identity": own["identity"],
        "Account": own["account"],
        "Nickname": own["nickname"],
        "Sex": own["sex"],
        "Email": own["email"],
        "Avatar": own["avatar"],
        "CreatedAt": _seconds(own["created_at"]),
        "UpdatedAt": _seconds(user.updated_at),
    }


def found_user(user: User, *, oneself: bool, room_identity: str | None) -> dict[str, Any]:
    """Somebody as `/u/user/query` shows them; `room_identity` is the conversation with a friend.

    The original writes `nickname` here and `Nickname` in `/u/user/detail`; clients that look for
    the latter find it too. The last two are ours: no route of the original tells either, and others
    ask for both.
    """
    public = public_user(user)
    return {
        "nickname": public["nickname"],
        "Nickname": public["nickname"],
        "Sex": public["sex"],
        "Email": user.email if oneself else "",
        "Avatar": public["avatar"],
        "is_friend": room_identity is not None,
        "identity": public["identity"],
        "room_identity": room_identity or "",
    }


def chat_line(message: MessagePayload) -> dict[str, Any]:
    """A message as `/u/chat/list` shows it. Times in Unix seconds."""
    return {
        "UserIdentity": message["user_identity"],
        "RoomIdentity": message["room_identity"],
        "Data": message["data"],
        "CreatedAt": _seconds(message["created_at"]),
        "UpdatedAt": _seconds(message["updated_at"]),
    }
