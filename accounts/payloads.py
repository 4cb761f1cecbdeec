"""Users and device sessions as the API, the socket and the pages' scripts see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from django.utils.translation import gettext as _

from accounts.clients import client_name
from accounts.default_avatar import default_avatar_address

if TYPE_CHECKING:
    from accounts.models import DeviceSession, TwoFactor, User


class PublicUser(TypedDict):
    """A user as everybody sees them. `deleted` is present, and true, for deleted accounts only."""

    identity: str
    account: str
    nickname: str
    sex: int
    avatar: str
    created_at: int
    deleted: NotRequired[bool]


class Person(PublicUser):
    """A user as another sees them. `online`: null when the other may not know."""

    online: bool | None


class OwnUser(PublicUser):
    email: str
    who_may_add: str
    who_sees_online: str
    read_receipts: bool
    language: str


class Device(TypedDict):
    """`name` is what its owner calls it, `device` what the client says it is, `client` that in
    words for people."""

    identity: str
    name: str
    device: str
    client: str
    ip: str
    created_at: int
    last_used_at: int
    expires_at: int
    current: bool


class TwoFactorState(TypedDict):
    enabled: bool
    recovery_codes_left: int


def shown_name(user: User) -> str:
    """Returns the nickname; a deleted account has none, and gets a name in the reader's
    language."""
    return user.nickname if user.deleted_at is None else _("Deleted user")


def avatar_address(user: User) -> str:
    """Returns the path of the user's picture, or of their initial: there is always one to show."""
    if user.avatar:
        return f"/avatars/{user.avatar}.webp"
    return default_avatar_address(user.identity, user.nickname)


def public_user(user: User) -> PublicUser:
    """Returns what every signed-in user may see: no e-mail address."""
    payload: PublicUser = {
        "identity": user.identity,
        "account": user.account,
        "nickname": shown_name(user),
        "sex": user.sex,
        "avatar": avatar_address(user),
        "created_at": user.created_at,
    }
    if user.deleted_at is not None:
        payload["deleted"] = True
    return payload


def person(user: User, *, online: bool | None) -> Person:
    """Returns what another user sees."""
    return {**public_user(user), "online": online}


def own_user(user: User) -> OwnUser:
    """Returns what only the user sees."""
    return {
        **public_user(user),
        "email": user.email,
        "who_may_add": user.who_may_add,
        "who_sees_online": user.who_sees_online,
        "read_receipts": user.read_receipts,
        "language": user.language,
    }


def device(session: DeviceSession, *, current: DeviceSession | None) -> Device:
    """Returns one line of the list of devices; `current` is the session of the request."""
    return {
        "identity": session.identity,
        "name": session.name,
        "device": session.device,
        "client": client_name(session.device),
        "ip": session.ip,
        "created_at": session.created_at,
        "last_used_at": session.last_used_at,
        "expires_at": session.expires_at,
        "current": session == current,
    }


def two_factor(in_force: TwoFactor | None, *, recovery_codes_left: int) -> TwoFactorState:
    """Returns what only the user sees: neither secret nor codes."""
    return {"enabled": in_force is not None, "recovery_codes_left": recovery_codes_left}
