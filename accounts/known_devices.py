"""What a user's earlier device sessions say about a new one, and which of them are no longer
useful."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from accounts.clients import client_of
from accounts.models import DeviceSession
from imsystem.redis import key, sync_redis
from imsystem.sources import source_of

HOUR_MS = 3600 * 1000
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
    """Returns the sessions that ended more than KEPT_MS before `now` (Unix ms), or before MAX_ENDED
    others did."""
    ended = [(before.ended_at, before.identity) for before in earlier if before.ended_at]
    newest_first = sorted(ended, reverse=True)
    return [
        identity
        for number, (ended_at, identity) in enumerate(newest_first)
        if number >= MAX_ENDED or now - ended_at > KEPT_MS
    ]


# It is one step: of simultaneous sign-ins one gets a mail. The value is when the last mail about
# new devices goes out, which is in the future if a summary is waiting. Returns it and its former
# value.
_NEXT_NOTICE = """
local now, hour = tonumber(ARGV[1]), tonumber(ARGV[2])
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
if last > now then return {-1, last} end
local at = math.max(now, last + hour)
redis.call('SET', KEYS[1], at, 'PX', hour * 3)
return {at, last}
"""


def _notice_key(user_identity: str) -> str:
    return key("new-device", user_identity)


@contextmanager
def next_notice(user_identity: str, *, now: int) -> Iterator[int | None]:
    """Gives the block that queues a mail about a new device the number of seconds until it goes
    out; None when a mail that goes out later speaks of this device too.

    At most one an hour: made-up names of devices must not fill a mailbox. The first is sent at
    once. Those of the following hour are summed up at its end and not dropped: the first may have
    been the owner, and the second not. When the block fails, nothing was sent.
    """
    notice, redis = _notice_key(user_identity), sync_redis()
    at, last = map(int, redis.eval(_NEXT_NOTICE, 1, notice, str(now), str(HOUR_MS)))
    try:
        yield None if at < 0 else -((now - at) // 1000)
    except Exception:
        if at >= 0:
            redis.set(notice, last, px=3 * HOUR_MS)
        raise
