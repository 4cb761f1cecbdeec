"""Tickets for the socket's handshake: a browser's WebSocket cannot send an Authorization header.

A ticket stands in the address, and addresses end up in logs: so it is good once, for 30 seconds.
"""

import hashlib
import secrets

from accounts.models import DeviceSession
from imsystem.redis import KEY_PREFIX, sync_redis

TICKET_TTL_S = 30


def _key(ticket: str) -> str:
    return f"{KEY_PREFIX}ticket:{hashlib.sha256(ticket.encode()).hexdigest()}"


def issue_ticket(session: DeviceSession) -> str:
    """A new ticket for this device session."""
    ticket = secrets.token_urlsafe(32)
    value = f"{session.user_id}:{session.identity}"
    sync_redis().set(_key(ticket), value, ex=TICKET_TTL_S)
    return ticket


def redeem_ticket(ticket: str) -> tuple[str, str] | None:
    """(user identity, session identity), once; None for whatever is not a good ticket."""
    value = sync_redis().getdel(_key(ticket))
    if not isinstance(value, bytes):
        return None
    user_identity, _, session_identity = value.decode().partition(":")
    return user_identity, session_identity
