"""Tickets for the socket's handshake: a browser's WebSocket cannot send an Authorization header.

A ticket is part of the address, and addresses end up in logs: so it is valid once, for 30 seconds.
"""

import hashlib
import secrets
from dataclasses import dataclass

from accounts.models import DeviceSession
from imsystem.redis import key, sync_redis

TICKET_TTL_S = 30


def _key(ticket: str) -> str:
    return key("ticket", hashlib.sha256(ticket.encode()).hexdigest())


@dataclass(frozen=True)
class Ticket:
    """What a ticket stands for. `expires_at_ms`: until when the token or cookie it was requested
    with is valid."""

    user_identity: str
    session_identity: str
    expires_at_ms: int


def issue_ticket(session: DeviceSession, *, expires_at_ms: int) -> str:
    """Returns a new ticket for this device session. The socket it opens is valid until
    `expires_at_ms`."""
    ticket = secrets.token_urlsafe(32)
    value = f"{session.user_id}:{session.identity}:{expires_at_ms}"
    sync_redis().set(_key(ticket), value, ex=TICKET_TTL_S)
    return ticket


def redeem_ticket(ticket: str) -> Ticket | None:
    """Returns what the ticket stands for, once; None for an invalid ticket."""
    value = sync_redis().getdel(_key(ticket))
    if not isinstance(value, bytes):
        return None
    user_identity, session_identity, expires_at_ms = value.decode().split(":")
    return Ticket(user_identity, session_identity, int(expires_at_ms))
