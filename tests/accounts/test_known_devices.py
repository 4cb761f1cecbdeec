"""Which sign-ins the owner is told of by e-mail, and which old sessions end. No database."""

import pytest
import time_machine

from accounts import known_devices
from accounts.models import DeviceSession
from tests.accounts.test_clients import CHROME_ON_WINDOWS

NOW = 1_795_365_645_000
DAY = 24 * 3600 * 1000


@pytest.fixture(autouse=True)
def _now() -> object:
    with time_machine.travel(NOW / 1000, tick=False):
        yield


def session(device: str = "curl/8.5", ip: str = "10.0.0.1", **fields: int) -> DeviceSession:
    return DeviceSession(device=device, ip=ip, **fields)


@pytest.mark.parametrize(
    ("earlier", "new"),
    [
        ([], False),  # the registration
        ([session()], False),
        ([session("curl/9.0")], False),  # an update
        ([session(ip="10.0.0.2")], True),
        ([session("python-httpx/0.28")], True),
        ([session(ip="10.0.0.2"), session("python-httpx/0.28")], True),  # each, never both at once
        ([session(ip="10.0.0.2"), session()], False),
        ([session(revoked_at=1)], False),  # signed out and in again
        ([session(CHROME_ON_WINDOWS)], True),
    ],
)
def test_a_new_device(earlier: list[DeviceSession], new: bool) -> None:
    assert known_devices.is_new(session(), earlier) == new


def test_sessions_that_ended_long_ago_are_forgotten() -> None:
    kept = known_devices.KEPT_MS
    cases = {
        "live": session(),
        "revoked just kept": session(revoked_at=NOW - kept),
        "revoked": session(revoked_at=NOW - kept - 1),
        "expired just kept": session(expires_at=NOW - kept),
        "expired": session(expires_at=NOW - kept - 1),
        "expired, then revoked": session(expires_at=NOW - kept - 1, revoked_at=NOW),
        "live to its last moment": session(expires_at=NOW + 1),
    }
    gone = known_devices.forgettable(list(cases.values()), now=NOW)
    names = {name for name, each in cases.items() if each.identity in gone}
    assert names == {"revoked", "expired", "expired, then revoked"}


def test_only_so_many_ended_sessions_are_kept() -> None:
    ended = [session(revoked_at=NOW - number) for number in range(known_devices.MAX_ENDED + 2)]
    assert known_devices.forgettable(ended[:-2], now=NOW) == []
    gone = known_devices.forgettable(ended, now=NOW)
    assert gone == [each.identity for each in ended[-2:]]


def test_a_script_that_signs_in_and_never_out_ends_its_own_sessions() -> None:
    phone = session(CHROME_ON_WINDOWS, last_used_at=1)
    alike = [session(last_used_at=number + 2) for number in range(known_devices.MAX_LIVE - 2)]
    assert known_devices.surplus(session(), [phone, *alike]) == []
    more = [*alike, session(last_used_at=NOW), session(revoked_at=1)]
    assert known_devices.surplus(session(), [phone, *more]) == [alike[0].identity]


def test_the_session_unused_for_longest_ends_where_all_differ() -> None:
    others = [session(ip=f"10.1.0.{n}", last_used_at=n) for n in range(known_devices.MAX_LIVE)]
    assert known_devices.surplus(session(), others[::-1]) == [others[0].identity]
