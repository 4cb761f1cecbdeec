"""Identities: the public ids of users, rooms, messages and device sessions."""

import re

from bson import ObjectId

# [0-9a-f], not \d: \d also matches full-width and Arabic digits.
IDENTITY_PATTERN = r"[0-9a-f]{24}"
_IDENTITY = re.compile(IDENTITY_PATTERN)


def new_identity() -> str:
    """A new identity: 24 hex digits, unique over all processes and roughly ordered by time."""
    return str(ObjectId())


def is_identity(value: object) -> bool:
    """True for a string of exactly 24 lower-case hex digits."""
    return isinstance(value, str) and _IDENTITY.fullmatch(value) is not None
