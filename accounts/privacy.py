"""What users allow others to see, for the sockets: read once, then kept.

A change is announced as `Changed` of the user's topic (services/profile.py) and takes effect at
once in every process.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.choices import Audience
from accounts.models import User
from imsystem.mongo.clients import find_in
from imsystem.realtime.followed import followed
from imsystem.realtime.topics import Scope

# Kinds of events (Deliver.category) that not everybody receives.
RECEIPT = "receipt"
PRESENCE = "presence"

_FIELDS = {"read_receipts": 1, "who_sees_online": 1}


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


async def read_privacy(user_identities: Sequence[str]) -> dict[str, Privacy]:
    """Returns the settings of those of the users who exist, never from memory."""
    rows = await find_in(User, "_id", user_identities, _FIELDS)
    return {
        row["_id"]: Privacy(row["read_receipts"], row["who_sees_online"] == Audience.NOBODY)
        for row in rows
    }


_settings = followed(read_privacy, Scope.USER)


async def privacy_of(user_identity: str) -> Privacy:
    """Returns the user's settings, from this process's memory if they are there."""
    return (await _settings().get([user_identity])).get(user_identity, NOTHING)
