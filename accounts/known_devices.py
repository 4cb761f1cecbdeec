"""What a person's earlier device sessions say about a new one, and which of them are of no use."""

from collections.abc import Sequence

from accounts.clients import client_of
from accounts.models import DeviceSession
from imsystem.sources import source_of

# A script that signs in for every run and never out must not fill the list, or the database.
MAX_LIVE = 200
MAX_ENDED = 200
KEPT_MS = 90 * 24 * 3600 * 1000


def is_new(session: DeviceSession, earlier: Sequence[DeviceSession]) -> bool:
    """No earlier session had the same client and came from the same source.

    False for a person's very first one: they have just registered.
    """
    here = (source_of(session.ip), client_of(session.device))
    known = ((source_of(before.ip), client_of(before.device)) for before in earlier)
    return bool(earlier) and here not in known


def surplus(session: DeviceSession, earlier: Sequence[DeviceSession]) -> list[str]:
    """The live sessions beyond MAX_LIVE, `session` counted: first those that look like it, so
    that no script signs the phone out; then those that were not used for longest."""

    here = source_of(session.ip)

    def goes_last(before: DeviceSession) -> tuple[bool, int]:
        alike = before.device == session.device and source_of(before.ip) == here
        return not alike, before.last_used_at

    live = sorted((before for before in earlier if before.ended_at is None), key=goes_last)
    return [before.identity for before in live[: max(0, len(live) + 1 - MAX_LIVE)]]


def forgettable(earlier: Sequence[DeviceSession], *, now: int) -> list[str]:
    """The sessions that ended more than KEPT_MS before `now` (Unix ms), or before MAX_ENDED
    others did."""
    ended = [(before.ended_at, before.identity) for before in earlier if before.ended_at]
    newest_first = sorted(ended, reverse=True)
    return [
        identity
        for number, (ended_at, identity) in enumerate(newest_first)
        if number >= MAX_ENDED or now - ended_at > KEPT_MS
    ]
