"""Identities: the public ids of users, rooms, messages and device sessions."""

import re
import secrets
import time

# [0-9a-f], not \d: \d also matches full-width and Arabic digits.
IDENTITY_PATTERN = r"[0-9a-f]{24}"
_IDENTITY = re.compile(IDENTITY_PATTERN)


def new_identity() -> str:
    """Returns a new identity: 24 hex digits, 96 random bits. None can be guessed from another."""
    return secrets.token_hex(12)


def ascending_identity() -> str:
    """Returns a new identity for what is inserted by the thousand: 24 hex digits, the second in the
    first eight and 64 random bits after it, so that new keys lie side by side in the index."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


def is_identity(value: object) -> bool:
    """Returns True for a string of exactly 24 lower-case hex digits."""
    return isinstance(value, str) and _IDENTITY.fullmatch(value) is not None
