"""Codes: bound to purpose and address, single use, five tries, one a minute, hashed at rest."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.conf import settings
from time_machine import Traveller

from accounts import codes
from accounts.codes import Purpose
from imsystem.errors import BadRequest, RateLimited
from imsystem.redis import key, sync_redis
from tests.accounts.conftest import wrong

EMAIL = "alice@example.org"
REGISTER = {"purpose": Purpose.REGISTER, "email": EMAIL}


def test_a_code_is_six_digits_and_not_the_same_twice() -> None:
    issued = {codes.issue(**REGISTER) for _ in range(20)}
    assert len(issued) > 15
    assert all(len(code) == 6 and code.isascii() and code.isdigit() for code in issued)


def test_the_right_code_is_good_once() -> None:
    code = codes.issue(**REGISTER)
    assert codes.consume(**REGISTER, code=code)
    assert not codes.consume(**REGISTER, code=code)


def test_the_fifth_try_still_counts() -> None:
    code = codes.issue(**REGISTER)
    for _ in range(4):
        assert not codes.consume(**REGISTER, code=wrong(code))
    assert codes.consume(**REGISTER, code=code)


def test_the_sixth_try_comes_too_late() -> None:
    code = codes.issue(**REGISTER)
    for _ in range(5):
        assert not codes.consume(**REGISTER, code=wrong(code))
    assert not codes.consume(**REGISTER, code=code)


def test_a_new_code_replaces_the_old_one_and_its_tries() -> None:
    old = codes.issue(**REGISTER)
    for _ in range(4):
        codes.consume(**REGISTER, code=wrong(old))
    new = codes.issue(**REGISTER)
    if new != old:
        assert not codes.consume(**REGISTER, code=old)
    assert codes.consume(**REGISTER, code=new)


@pytest.mark.parametrize(
    ("purpose", "email"),
    [(Purpose.RESET, EMAIL), (Purpose.CHANGE_EMAIL, EMAIL), (Purpose.REGISTER, "bob@example.org")],
)
def test_a_code_is_worth_nothing_elsewhere(purpose: Purpose, email: str) -> None:
    code = codes.issue(**REGISTER)
    assert not codes.consume(purpose=purpose, email=email, code=code)
    assert codes.consume(**REGISTER, code=code)


@pytest.mark.parametrize("malformed", ["", "12345", "1234567", "12345a", "-12345", "123.456"])
def test_what_is_no_code_is_no_try(malformed: str) -> None:
    code = codes.issue(**REGISTER)
    for _ in range(6):
        assert not codes.consume(**REGISTER, code=malformed)
    assert codes.consume(**REGISTER, code=code)


def test_a_code_ends_after_ten_minutes() -> None:
    code = codes.issue(**REGISTER)
    [stored] = sync_redis().keys(key("code", "*"))
    assert settings.CODE_TTL_S - 2 <= sync_redis().ttl(stored) <= settings.CODE_TTL_S == 600
    sync_redis().delete(stored)  # what Redis does then
    assert not codes.consume(**REGISTER, code=code)


def test_redis_holds_neither_code_nor_address() -> None:
    codes.start_cooldown(**REGISTER)
    code = codes.issue(**REGISTER)
    redis = sync_redis()
    kept = [each + b"".join(redis.hgetall(each).values()) for each in redis.keys(key("code", "*"))]
    kept += redis.keys(key("code-sent", "*"))
    assert len(kept) == 2
    assert all(code.encode() not in text and b"alice" not in text for text in kept)


def test_one_code_a_minute() -> None:
    codes.start_cooldown(**REGISTER)
    with pytest.raises(RateLimited) as refused:
        codes.start_cooldown(**REGISTER)
    assert 58 <= refused.value.retry_after <= 60
    codes.start_cooldown(purpose=Purpose.RESET, email=EMAIL)
    codes.start_cooldown(purpose=Purpose.REGISTER, email="bob@example.org")
    sync_redis().delete(*sync_redis().keys(key("code-sent", "*")))
    codes.start_cooldown(**REGISTER)


def test_of_two_at_once_one_wins() -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            code = codes.issue(**REGISTER)
            attempts = [pool.submit(codes.consume, **REGISTER, code=code) for _ in range(2)]
            assert sorted(attempt.result() for attempt in attempts) == [False, True]


def test_a_failed_block_gives_the_code_back() -> None:
    code = codes.issue(**REGISTER)
    with pytest.raises(ZeroDivisionError), codes.consumed(**REGISTER, code=code):
        raise ZeroDivisionError
    assert codes.consume(**REGISTER, code=code)


@pytest.mark.parametrize(
    "way", ["{a} {b}", " {a}-{b}\n", "{a}\u200b{b}", "\ufeff{a}{b}", "{a}\u2013{b}", "{a}\u00a0{b}"]
)
@pytest.mark.parametrize("digits", ["0123456789", "０１２３４５６７８９"])
def test_codes_as_people_type_them(way: str, digits: str) -> None:
    code = codes.issue(**REGISTER)
    typed = code.translate(str.maketrans("0123456789", digits))
    assert codes.consume(**REGISTER, code=way.format(a=typed[:3], b=typed[3:]))


# --- several places -------------------------------------------------------------------------


def typed(code: str, place: str) -> str:
    """Returns "good", "wrong" or "here" (a code has to be requested in this place first)."""
    try:
        with codes.consumed(**REGISTER, code=code, place=place):
            return "good"
    except BadRequest as exc:
        return "wrong" if exc.errors == codes.bad_code().errors else "here"


def test_asking_elsewhere_voids_no_code() -> None:
    own = codes.issue(**REGISTER, place="home")
    others = [codes.issue(**REGISTER, place=f"stranger {number}") for number in range(10)]
    assert typed(own, "home") == "good"
    assert typed(others[9], "stranger 9") == ("good" if others[9] != own else "wrong")


def test_wrong_codes_typed_elsewhere_cost_no_code() -> None:
    code = codes.issue(**REGISTER, place="home")
    guesses = [typed(wrong(code), f"stranger {number}") for number in range(10)]
    assert guesses == ["wrong"] * 5 + ["here"] * 5
    assert typed(code, "stranger 11") == "here"
    assert typed(code, "home") == "good"


def test_a_code_may_be_typed_on_another_device() -> None:
    code = codes.issue(**REGISTER, place="laptop")
    assert typed(wrong(code), "phone") == "wrong"
    assert typed(code, "phone") == "good"
    assert typed(code, "laptop") == "wrong"


def test_a_code_may_be_typed_where_another_was_asked_for() -> None:
    first = codes.issue(**REGISTER, place="laptop")
    codes.issue(**REGISTER, place="phone")
    assert typed(first, "phone") == "good"


def test_whoever_asks_has_five_tries_at_their_own_and_five_a_day_at_all_others() -> None:
    code = codes.issue(**REGISTER, place="home")
    own = codes.issue(**REGISTER, place="stranger")
    bad = next(f"{n:06}" for n in range(3) if f"{n:06}" not in {code, own})
    assert [typed(bad, "stranger") for _ in range(9)] == ["wrong"] * 5 + ["here"] * 4
    codes.issue(**REGISTER, place="stranger")
    assert [typed(code, "stranger") for _ in range(5)] == ["wrong"] * 5
    assert typed(code, "home") == "good"


def test_what_strangers_do_with_other_codes_does_not_end_mine(clock: Traveller) -> None:
    """Each code is valid for ten minutes of its own."""
    own = codes.issue(**REGISTER, place="home")
    clock.shift(timedelta(minutes=9))
    codes.issue(**REGISTER, place="stranger")
    assert typed(own, "home") == "good"
    own = codes.issue(**REGISTER, place="home")
    clock.shift(timedelta(minutes=10))
    codes.issue(**REGISTER, place="stranger")
    assert typed(own, "home") == "wrong"


def test_a_code_that_is_given_back_ends_when_it_would_have(clock: Traveller) -> None:
    code = codes.issue(**REGISTER)
    clock.shift(timedelta(minutes=9))
    with pytest.raises(ZeroDivisionError), codes.consumed(**REGISTER, code=code):
        raise ZeroDivisionError
    clock.shift(timedelta(minutes=1))
    assert not codes.consume(**REGISTER, code=code)


def test_of_two_places_at_once_one_wins() -> None:
    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            purpose = {"purpose": Purpose.RESET, "email": f"u{number}@example.org"}
            code = codes.issue(**purpose, place="laptop")
            attempts = [
                pool.submit(codes.consume, **purpose, code=code, place=place)
                for place in ("laptop", "phone")
            ]
            assert sorted(attempt.result() for attempt in attempts) == [False, True]


def test_one_code_a_minute_in_each_place() -> None:
    codes.start_cooldown(**REGISTER, place="stranger")
    codes.start_cooldown(**REGISTER, place="home")
    with pytest.raises(RateLimited):
        codes.start_cooldown(**REGISTER, place="home")
