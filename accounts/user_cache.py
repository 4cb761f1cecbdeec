"""Users and sign-ins for the sockets: read for many sockets at once."""

import asyncio
from collections.abc import Sequence

from accounts.models import DeviceSession, User
from imsystem.clock import now_ms
from imsystem.loops import PerLoop
from imsystem.mongo.clients import Document, find_in
from imsystem.mongo.instances import instance
from imsystem.mongo.shared_reads import SharedReads
from imsystem.realtime.followed import followed
from imsystem.realtime.topics import Scope

# What others are shown of a user (payloads.public_user), and what decides it (policies.py).
SHOWN = (
    *("account", "nickname", "sex", "avatar", "created_at", "deleted_at"),
    *("who_may_add", "who_sees_online", "read_receipts"),
)


async def _read_people(identities: Sequence[str]) -> dict[str, User]:
    found = await find_in(User, "_id", identities, dict.fromkeys(SHOWN, 1))
    return {row["_id"]: instance(User, row) for row in found}


_people = followed(_read_people, Scope.PROFILE, Scope.USER)


async def people(identities: Sequence[str]) -> dict[str, User]:
    """Returns those that exist, with what they show (SHOWN) only. Kept for half a minute: the users
    one talks with are in every list of one's rooms."""
    return await _people().get(identities)


async def _read_users(identities: Sequence[str]) -> dict[str, Document]:
    return {row["_id"]: row for row in await find_in(User, "_id", identities)}


async def _read_sessions(identities: Sequence[str]) -> dict[str, Document]:
    return {row["_id"]: row for row in await find_in(DeviceSession, "_id", identities)}


async def sessions_alive(identities: Sequence[str]) -> set[str]:
    """Those of the device sessions that were neither ended nor have expired."""
    alive = {"revoked_at": None, "expires_at": {"$gt": now_ms()}}
    found = await find_in(DeviceSession, "_id", identities, {"_id": 1}, **alive)
    return {row["_id"] for row in found}


_users = PerLoop(lambda: SharedReads(_read_users))
_sessions = PerLoop(lambda: SharedReads(_read_sessions))


async def session_in_force(*, user_identity: str, session_identity: str) -> DeviceSession | None:
    """Returns the live device session of an active user that a token or ticket names, with its
    `.user`. Never from memory."""
    row, owner = await asyncio.gather(
        _sessions().get(session_identity), _users().get(user_identity)
    )
    if row is None or owner is None or not owner["is_active"]:
        return None
    session = instance(DeviceSession, row)
    if session.ended_at is not None or session.user_id != user_identity:
        return None
    session.user = instance(User, owner)
    return session
