"""What users allow others to see, for the sockets: read once, then kept.

A change is announced as `Changed` of the user's topic (services/profile.py) and takes effect at
once in every process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.choices import Audience
from accounts.models import User
from imsystem.mongo.clients import find_in
from imsystem.realtime.followed import followed
from imsystem.realtime.topics import Scope

# Kinds of events (Deliver.category) that not everybody receives.
RECEIPT = "receipt"
PRESENCE = "presence"

FIELDS = {"read_receipts": 1, "who_sees_online": 1}


@dataclass(frozen=True, slots=True)
class Privacy:
    """`receipts`: whether others learn how far the user has read. `hidden`: whether nobody learns
    when the user is online. Both are mutual: a user who hides one does not see it of others."""

    receipts: bool
    hidden: bool

    @property
    def declines(self) -> frozenset[str]:
        """Returns the kinds of events (Deliver.category) that the user's sockets do not receive."""
        receipt = () if self.receipts else (RECEIPT,)
        return frozenset((*receipt, PRESENCE) if self.hidden else receipt)


# The settings of a user who no longer exists.
NOTHING = Privacy(receipts=False, hidden=True)


def settings_of(user: User) -> Privacy:
    """Returns the settings of a user object."""
    return Privacy(user.read_receipts, user.who_sees_online == Audience.NOBODY)


def privacy_from(row: Mapping[str, Any]) -> Privacy:
    """Returns the settings in a user_basic document (with FIELDS)."""
    return Privacy(row["read_receipts"], row["who_sees_online"] == Audience.NOBODY)


async def _read_settings(user_identities: Sequence[str]) -> dict[str, Privacy]:
    rows = await find_in("user_basic", "_id", user_identities, FIELDS)
    return {row["_id"]: privacy_from(row) for row in rows}


_settings = followed(_read_settings, Scope.USER)


async def privacy_of(user_identity: str) -> Privacy:
    """Returns the user's settings, from this process's memory if they are there."""
    return (await _settings().get([user_identity])).get(user_identity, NOTHING)
