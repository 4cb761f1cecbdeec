"""Passwords: one answer for every failure, after the same work. For limits see test_attempts.py."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.hashers import check_password, make_password

from accounts import services
from accounts.errors import BadCredentials
from accounts.hashers import Argon2Hasher
from accounts.models import DeviceSession, User
from accounts.selectors import live_session
from accounts.services import SignIn, signing_in
from imsystem.errors import BadRequest, RateLimited
from tests.accounts.conftest import PASSWORD, make_user

NEW = "battery staple correct"


def sign_in(account: str, password: str = PASSWORD, ip: str = "10.0.0.1") -> SignIn:
    return services.sign_in(
        account=account, password=password, ip=ip, device="test", with_tokens=True
    )


def fail(account: str, times: int, ip: str = "10.0.0.1") -> None:
    for _ in range(times):
        with pytest.raises(BadCredentials):
            sign_in(account, "wrong", ip)


@pytest.mark.parametrize("name", ["alice", " ALICE ", "alice@example.org", "Alice@Example.ORG "])
def test_by_account_or_address(alice: User, name: str) -> None:
    signed_in = sign_in(name)
    assert signed_in.user == alice
    session = DeviceSession.objects.get()
    assert signed_in.session == session
    assert (session.user_id, session.ip, session.device) == (alice.pk, "10.0.0.1", "test")
    assert session.revoked_at is None


def test_without_tokens_no_session_is_opened(alice: User) -> None:
    signed_in = services.sign_in(
        account="alice", password=PASSWORD, ip="", device="", with_tokens=False
    )
    assert signed_in == SignIn(alice)
    assert DeviceSession.objects.count() == 0


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"),
        ("alice", PASSWORD + " "),
        ("alice", ""),
        ("alice", PASSWORD.upper()),
        ("alice", PASSWORD * 10_000),
        ("nobody", PASSWORD),
        ("nobody@example.org", PASSWORD),
        ("", PASSWORD),
        (".*", PASSWORD),
        ("a.*@example.org", PASSWORD),
        ("alic|.*@example.org", PASSWORD),
        ("x" * 100_000, PASSWORD),
    ],
)
def test_anything_else_is_refused(alice: User, name: str, password: str) -> None:
    with pytest.raises(BadCredentials):
        sign_in(name, password)
    assert DeviceSession.objects.count() == 0


def test_a_deactivated_account_is_refused_like_an_unknown_one(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(BadCredentials):
        sign_in("alice")
    with pytest.raises(BadCredentials):
        services.check_credentials(account="alice", password=PASSWORD, ip="")


@pytest.mark.parametrize("name", ["alice", "nobody", "locked"])
def test_every_failure_costs_one_hash(
    alice: User, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    User(account="locked", email="l@example.org", password="!").save(force_insert=True)
    hashes = []
    for method in ("encode", "verify"):
        original = getattr(Argon2Hasher, method)
        monkeypatch.setattr(
            Argon2Hasher, method, lambda self, *a, f=original: hashes.append(1) or f(self, *a)
        )
    fail(name, 1)
    assert len(hashes) == 1


def test_a_huge_password_costs_none(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Argon2Hasher, "encode")
    monkeypatch.setattr(Argon2Hasher, "verify", None)
    with pytest.raises(BadCredentials):
        sign_in("alice", "x" * 129)


def wait(name: str, password: str = PASSWORD, ip: str = "10.0.0.1") -> int:
    """Returns how many seconds this sign-in is told to wait."""
    with pytest.raises(RateLimited) as refused:
        sign_in(name, password, ip=ip)
    return refused.value.retry_after


@pytest.mark.parametrize("name", ["alice", "alice@example.org", "nobody"])
def test_after_five_failures_each_wait_is_twice_as_long(alice: User, name: str) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        fail(name, 5)
        for seconds in (30, 60, 120, 240, 480, 900, 900):
            assert wait(name) == seconds  # even with the right password
            clock.shift(timedelta(seconds=seconds - 1))
            assert wait(name) == 1
            clock.shift(timedelta(seconds=1))
            fail(name, 1)


def test_after_the_wait_the_right_password_is_let_in(alice: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        fail("alice", 5)
        clock.shift(timedelta(seconds=30))
        assert sign_in("alice").user == alice
        fail("alice", 4)  # success has reset the count
        assert sign_in("alice").user == alice


def test_others_and_other_places_are_not_locked_out(alice: User, bob: User) -> None:
    fail("alice", 5)
    assert sign_in("bob").user == bob
    assert sign_in("alice", ip="10.0.0.2").user == alice


def test_a_session_outlives_every_lock_out(alice: User) -> None:
    session = sign_in("alice").session
    assert session is not None
    fail("alice", 5)
    assert live_session(session_identity=session.pk, user=alice) == session


def test_a_new_password_ends_the_wait(alice: User) -> None:
    fail("alice", 5)
    change(alice)
    assert sign_in("alice", NEW).user == alice


def test_parallel_guesses_do_not_slip_through(alice: User) -> None:
    def guess(number: int) -> str:
        try:
            sign_in("alice", f"guess {number}")
        except Exception as exc:
            return type(exc).__name__
        return "in"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(guess, range(40)))
    assert outcomes.count("BadCredentials") == 5
    assert outcomes.count("RateLimited") == 35


def test_rate_limits_can_be_off(alice: User, settings: object) -> None:
    settings.RATE_LIMITS = False  # type: ignore[attr-defined]
    fail("alice", 11)
    assert sign_in("alice").user == alice


def test_a_change_of_password_beats_a_sign_in_under_way(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old password is verified, then changed, then the session is opened: it must not
    survive."""
    matches = signing_in.password_matches

    def overtaken(user: User | None, password: str) -> bool:
        answer = matches(user, password)
        monkeypatch.undo()
        services.change_password(
            user=User.objects.get(pk=alice.pk),
            old_password=PASSWORD,
            new_password=NEW,
            keep_session=None,
        )
        return answer

    monkeypatch.setattr(signing_in, "password_matches", overtaken)
    with pytest.raises(BadCredentials):
        sign_in("alice")
    assert DeviceSession.objects.filter(revoked_at=None).count() == 0


def change(user: User, old: str = PASSWORD, new: str = NEW) -> None:
    services.change_password(user=user, old_password=old, new_password=new, keep_session=None)


def test_change_password(alice: User) -> None:
    change(alice)
    stored = User.objects.get(pk=alice.pk)
    assert check_password(NEW, stored.password)
    fail("alice", 1)
    assert sign_in("alice", NEW).user == alice


@pytest.mark.parametrize(
    ("old", "new", "errors"),
    [
        ("wrong", NEW, {"old_password": ["This is not your current password."]}),
        (PASSWORD, "password", {"new_password": ["This password is too common."]}),
        (
            PASSWORD,
            "ALICE@example.org",
            {"new_password": ["The password must not be the username or the e-mail address."]},
        ),
    ],
)
def test_refused_changes_change_nothing(
    alice: User, old: str, new: str, errors: dict[str, list[str]]
) -> None:
    with pytest.raises(BadRequest) as refused:
        change(alice, old, new)
    assert dict(refused.value.errors) == errors
    assert User.objects.get(pk=alice.pk).password == alice.password


def test_five_wrong_old_passwords(alice: User) -> None:
    for _ in range(5):
        with pytest.raises(BadRequest):
            change(alice, "wrong")
    with pytest.raises(RateLimited) as refused:
        change(alice)
    assert refused.value.retry_after == 30
    assert sign_in("alice").user == alice


def test_older_parameters_are_renewed_at_a_sign_in(
    full_hashes: None, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This signs nobody out: the hash in the cookie depends on the password, not on its hash."""
    before, cookie_hash = alice.password, alice.get_session_auth_hash()
    assert "t=2" in before
    monkeypatch.setattr(Argon2Hasher, "time_cost", 3)
    assert sign_in("alice").user == alice
    stored = User.objects.get(pk=alice.pk)
    assert "t=3" in stored.password
    assert stored.get_session_auth_hash() == cookie_hash
    assert sign_in("alice").user == alice
    assert User.objects.get(pk=alice.pk).password == stored.password


def test_renewing_a_hash_never_brings_an_old_password_back(alice: User) -> None:
    late = User.objects.get(pk=alice.pk)
    change(alice)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Argon2Hasher, "time_cost", 3)
        assert late.check_password(PASSWORD)  # read before the change
    assert check_password(NEW, User.objects.get(pk=alice.pk).password)


COMPOSED, DECOMPOSED = "pass\u00e9 w\u00f6rd 1", "passe\u0301 wo\u0308rd 1"


@pytest.mark.parametrize(("set_as", "typed"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_password_is_the_same_from_every_keyboard(set_as: str, typed: str) -> None:
    user = make_user("carol", set_as)
    for password in (set_as, typed):
        assert sign_in("carol", password).user == user


def test_a_password_from_before_they_had_one_form(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(password=make_password(DECOMPOSED))
    fail_with = User.objects.get(pk=alice.pk)
    assert not fail_with.check_password(COMPOSED)
    assert sign_in("alice", DECOMPOSED).user == alice
    assert sign_in("alice", COMPOSED).user == alice  # from now on


def test_a_password_in_another_form_costs_the_same_for_nobody(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for name in ("alice", "nobody"):
        hashes: list[int] = []
        with monkeypatch.context() as patch:
            for method in ("encode", "verify"):
                original = getattr(Argon2Hasher, method)
                patch.setattr(
                    Argon2Hasher,
                    method,
                    lambda self, *a, f=original, h=hashes: h.append(1) or f(self, *a),
                )
            with pytest.raises(BadCredentials):
                sign_in(name, DECOMPOSED)
        counts.append(len(hashes))
    assert counts == [2, 2]
