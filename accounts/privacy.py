"""What people allow others to see, for the socket's side: read once, then kept.

Settings are cached in each process. A change is announced as `Changed` of the user's topic
(services/profile.py) and takes effect at once; while the channel layer is ill nothing is
announced, so nothing is cached either.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounts.choices import Audience
from accounts.models import User
from imsystem.mongo.clients import collection
from imsystem.realtime import events as ev
from imsystem.realtime.hub import current_hub, observe

# Kinds of events (Deliver.category) that not everybody gets.
RECEIPT = "receipt"
PRESENCE = "presence"

CACHE_S = 30.0
MAX_CACHED = 50_000
FIELDS = {"read_receipts": 1, "who_sees_online": 1}


@dataclass(frozen=True, slots=True)
class Privacy:
    """`receipts`: whether others learn how far the user has read. `hidden`: whether nobody learns
    when they are online. Both are mutual: who hides something does not see it of others."""

    receipts: bool
    hidden: bool

    @property
    def declines(self) -> frozenset[str]:
        """The kinds of events (Deliver.category) that the user's sockets do not get."""
        receipt = () if self.receipts else (RECEIPT,)
        return frozenset((*receipt, PRESENCE) if self.hidden else receipt)


# Of somebody who is no longer there.
NOTHING = Privacy(receipts=False, hidden=True)


def settings_of(user: User) -> Privacy:
    """The settings of a user at hand."""
    return Privacy(user.read_receipts, user.who_sees_online == Audience.NOBODY)


def privacy_from(row: Mapping[str, Any]) -> Privacy:
    """The settings in a user_basic document (with FIELDS)."""
    return Privacy(row["read_receipts"], row["who_sees_online"] == Audience.NOBODY)


# user -> (settings, when they were read)
_cache: OrderedDict[str, tuple[Privacy, float]] = OrderedDict()
# When a user's settings were last announced as changed.
_changed_at: OrderedDict[str, float] = OrderedDict()


async def privacy_of(user_identity: str) -> Privacy:
    """The user's settings, of this process's memory if they are there."""
    cached = _cache.get(user_identity)
    if cached and current_hub().healthy and time.monotonic() - cached[1] < CACHE_S:
        return cached[0]
    return await _read(user_identity)


async def _read(user_identity: str) -> Privacy:
    hub = current_hub()
    hub.start()  # from now on this process hears of changes
    started, epoch = time.monotonic(), hub.epoch
    row = await collection("user_basic").find_one({"_id": user_identity}, FIELDS)
    found = NOTHING if row is None else privacy_from(row)
    unchanged = _changed_at.get(user_identity, 0.0) < started
    if hub.healthy and hub.epoch == epoch and unchanged:
        _put(_cache, user_identity, (found, started))
    return found


@observe
def _forget(event: ev.Event) -> None:
    if not isinstance(event, ev.Changed):
        return
    if event.topic == ev.EVERYTHING:
        _cache.clear()
    elif event.topic.startswith("user:"):
        user_identity = event.topic.removeprefix("user:")
        _cache.pop(user_identity, None)
        _put(_changed_at, user_identity, time.monotonic())


def _put(kept: OrderedDict[str, Any], key: str, value: Any) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MAX_CACHED:
        kept.popitem(last=False)
