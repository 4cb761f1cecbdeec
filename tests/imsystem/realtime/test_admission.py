"""Buckets, and who may open one more socket."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from imsystem.env import UNLIMITED, Rate, rate
from imsystem.errors import RateLimited, Unavailable
from imsystem.realtime import buckets
from imsystem.realtime.admission import Admission, Caps
from imsystem.realtime.buckets import Bucket, Buckets
from imsystem.realtime.close_codes import TOO_MANY_SOCKETS
from imsystem.realtime.connection import Connection

NO_CAPS = Caps(per_user=0, per_ip=0, per_process=0, handshakes=0)


class TestRate:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("300/10s", Rate(300, 10)),
            ("20/1h", Rate(20, 3_600)),
            ("5/2min", Rate(5, 120)),
            ("7/1d", Rate(7, 86_400)),
            (" off ", UNLIMITED),
            ("OFF", UNLIMITED),
        ],
    )
    def test_as_it_is_written(
        self, monkeypatch: pytest.MonkeyPatch, text: str, expected: Rate
    ) -> None:
        monkeypatch.setenv("SOME_RATE", text)
        assert rate("SOME_RATE", "1/1s") == expected

    @pytest.mark.parametrize("text", ["10", "10/s", "0/1s", "1/0s", "-1/1s", "1/1m", "ten/1s"])
    def test_anything_else_is_refused(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        monkeypatch.setenv("SOME_RATE", text)
        with pytest.raises(ImproperlyConfigured, match=r"SOME_RATE is .* Write it like 3/4h, or"):
            rate("SOME_RATE", "3/4h")

    def test_the_default(self) -> None:
        assert rate("NOBODY_SETS_THIS", "3/4h") == Rate(3, 4 * 3_600)


class TestBucket:
    @pytest.mark.parametrize("amount", [1, 3, 7, 300, 1_000])
    @pytest.mark.parametrize("now", [0.0, 1.5, 1e6 + 0.1])
    def test_all_at_once_and_not_one_more(self, amount: int, now: float) -> None:
        bucket = Bucket(Rate(amount, 10))
        assert [bucket.take(now) for _ in range(amount + 1)] == [True] * amount + [False]

    def test_it_fills_up_evenly(self) -> None:
        bucket = Bucket(Rate(10, 10))
        for _ in range(10):
            bucket.take(100.0)
        assert bucket.wait_s(100.0) == pytest.approx(1.0)
        assert [bucket.take(101.0), bucket.take(101.0)] == [True, False]
        assert sum(bucket.take(200.0) for _ in range(20)) == 10

    def test_who_waits_as_told_is_not_refused(self) -> None:
        for amount, window in ((1, 60), (3, 10), (40, 3_600), (300, 3)):
            bucket = Bucket(Rate(amount, window))
            now = 5.0
            for _ in range(3 * amount):
                if not bucket.take(now):
                    now += bucket.wait_s(now)
                    assert bucket.take(now)

    def test_without_a_limit(self) -> None:
        bucket = Bucket(UNLIMITED)
        assert all(bucket.take(0.0) for _ in range(100_000))

    def test_shut(self) -> None:
        for some in (Rate(5, 1), UNLIMITED):
            bucket = Bucket(some)
            bucket.shut()
            assert not bucket.take(1e9)


class TestBuckets:
    def test_each_key_has_its_own(self) -> None:
        some = Buckets(Rate(1, 10))
        assert some.take("a", 0.0) == 0.0
        assert some.take("a", 0.0) == pytest.approx(10.0)
        assert some.take("b", 0.0) == 0.0

    def test_full_ones_are_forgotten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(buckets, "MANY", 100)
        some = Buckets(Rate(1, 10))
        some._forget_at = 100
        for number in range(10_000):
            some.take(str(number), number / 10)  # 100 within their ten seconds
        assert len(some) <= 300
        assert some.take("9999", 999.9) > 0  # not those that count


class Peer:
    """What one socket was sent."""

    def __init__(self, user: str) -> None:
        self.codes: list[int] = []
        self.connection = Connection(user, self._send, lambda: None)

    async def _send(self, message: dict[str, Any]) -> None:
        self.codes.append(message["code"])


@pytest.fixture
def door() -> Callable[..., Admission]:
    def made(ip: Rate = UNLIMITED, user: Rate = UNLIMITED, **caps: int) -> Admission:
        return Admission(Caps(**{**_fields(NO_CAPS), **caps}), ip, user)

    return made


def _fields(caps: Caps) -> dict[str, int]:
    return {name: getattr(caps, name) for name in Caps.__slots__}


class TestDoor:
    async def test_the_oldest_goes(self, door: Callable[..., Admission]) -> None:
        some = door(per_user=2)
        alices, bob = [Peer("alice") for _ in range(4)], Peer("bob")
        for peer in (alices[0], bob, *alices[1:]):
            some.admit(peer.connection)
        closed = [[TOO_MANY_SOCKETS], [TOO_MANY_SOCKETS], [], []]
        assert [peer.codes for peer in alices] == closed
        assert bob.codes == []
        for peer in (*alices, bob):
            some.dismiss(peer.connection)
        assert some._of_user == {}

    async def test_who_connects_too_often(self, door: Callable[..., Admission]) -> None:
        some = door(user=Rate(2, 60))
        for _ in range(2):
            peer = Peer("alice")
            some.admit(peer.connection)
            some.dismiss(peer.connection)
        with pytest.raises(RateLimited) as refused:
            some.admit(Peer("alice").connection)
        assert refused.value.retry_after == 30
        some.admit(Peer("bob").connection)

    def test_one_address(self, door: Callable[..., Admission]) -> None:
        some = door(per_ip=2)
        for ip in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
            some.enter(ip)
        with pytest.raises(RateLimited):
            some.enter("192.0.2.1")
        some.leave("192.0.2.1")
        some.enter("192.0.2.1")

    def test_one_address_too_often(self, door: Callable[..., Admission]) -> None:
        some = door(ip=Rate(3, 60))
        for _ in range(3):
            some.enter("192.0.2.1")
            some.leave("192.0.2.1")
        with pytest.raises(RateLimited) as refused:
            some.enter("192.0.2.1")
        assert refused.value.retry_after == 20
        assert (some.sockets, dict(some._of_ip)) == (0, {})

    def test_a_full_process(self, door: Callable[..., Admission]) -> None:
        some = door(per_process=2)
        some.enter("192.0.2.1")
        some.enter("192.0.2.2")
        with pytest.raises(Unavailable):
            some.enter("192.0.2.3")
        some.leave("192.0.2.1")
        some.enter("192.0.2.3")

    def test_too_many_handshakes(self, door: Callable[..., Admission]) -> None:
        some = door(handshakes=1)
        some.enter("192.0.2.1")
        with pytest.raises(Unavailable):
            some.enter("192.0.2.2")
        some.shaken()
        some.enter("192.0.2.2")

    def test_a_flood_is_one_line_in_the_log(
        self, door: Callable[..., Admission], caplog: pytest.LogCaptureFixture
    ) -> None:
        some = door(per_ip=1)
        some.enter("192.0.2.1")
        for _ in range(10):
            with pytest.raises(RateLimited):
                some.enter("192.0.2.1")
        assert [record.getMessage() for record in caplog.records] == [
            "192.0.2.1 has 1 sockets and gets no more; a proxy belongs into TRUSTED_PROXIES"
        ]
