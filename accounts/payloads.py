"""Users and device sessions as the API, the socket and the pages' scripts see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from accounts.models import DeviceSession, User


class PublicUser(TypedDict):
    identity: str
    account: str
    nickname: str
    sex: int
    avatar: str
    created_at: int


class OwnUser(PublicUser):
    email: str


class Device(TypedDict):
    identity: str
    device: str
    ip: str
    created_at: int
    last_used_at: int
    current: bool


def public_user(user: User) -> PublicUser:
    """What everybody who is signed in may see: no e-mail address."""
    return {
        "identity": user.identity,
        "account": user.account,
        "nickname": user.nickname,
        "sex": user.sex,
        "avatar": user.avatar,
        "created_at": user.created_at,
    }


def own_user(user: User) -> OwnUser:
    """What only the person themself sees."""
    return {**public_user(user), "email": user.email}


def device(session: DeviceSession, *, current: DeviceSession | None) -> Device:
    """One line of the list of devices; `current` is the session that asks."""
    return {
        "identity": session.identity,
        "device": session.device,
        "ip": session.ip,
        "created_at": session.created_at,
        "last_used_at": session.last_used_at,
        "current": session == current,
    }
