"""The identity of a direct room is computed from its two members.

Two people who open their conversation at the same moment write the same `_id`; MongoDB lets one
of them win. No lock, and no way to get two rooms for one pair.
"""

import hashlib


def direct_identity(first: str, second: str) -> str:
    """24 hex digits, the same for both orders: 96 bits of SHA-256, so no pair meets another's."""
    low, high = sorted((first, second))
    return hashlib.sha256(f"direct:{low}:{high}".encode()).hexdigest()[:24]
