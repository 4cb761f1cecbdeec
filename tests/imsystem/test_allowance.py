"""Allowances: so many at once, refilled evenly, given back when a try was no failure."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from time_machine import Traveller

from imsystem.errors import RateLimited
from imsystem.limits import Allowance, lifted
from imsystem.redis import sync_redis

FIVE = Allowance("test", amount=5, window_s=100)


@pytest.fixture(autouse=True)
def clock() -> Iterator[Traveller]:
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False) as clock:
        yield clock


def wait() -> int:
    with pytest.raises(RateLimited) as refused:
        FIVE.take("a")
    return refused.value.retry_after


def take(times: int) -> None:
    for _ in range(times):
        FIVE.take("a")


def test_so_many_at_once_then_one_after_the_other(clock: Traveller) -> None:
    take(5)
    assert wait() == wait() == 20  # a refusal takes nothing
    FIVE.take("b")
    clock.shift(timedelta(seconds=19))
    assert wait() == 1
    clock.shift(timedelta(seconds=1))
    take(1)
    assert wait() == 20
    clock.shift(timedelta(seconds=100))
    take(5)
    assert wait() == 20


def test_what_is_given_back_can_be_taken_again() -> None:
    take(5)
    FIVE.give_back("a")
    FIVE.give_back("a")
    take(2)
    assert wait() == 20


def test_no_more_is_given_back_than_there_was() -> None:
    take(1)
    for _ in range(9):
        FIVE.give_back("a")
    assert sync_redis().keys() == []
    take(5)
    assert wait() == 20


def test_keys_say_nothing_and_do_not_stay() -> None:
    Allowance("test", amount=5, window_s=100).take("alice")
    [key] = sync_redis().keys()
    assert b"alice" not in key
    assert 99_000 <= sync_redis().pttl(key) <= 100_000


def test_parallel_uses_do_not_slip_through() -> None:
    def use(_number: int) -> bool:
        try:
            FIVE.take("a")
        except RateLimited:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(use, range(40))) == 5


def test_limits_can_be_off(settings: object) -> None:
    settings.RATE_LIMITS = False  # type: ignore[attr-defined]
    take(20)
    FIVE.give_back("a")


def test_commands_are_not_limited() -> None:
    with lifted():
        take(20)
