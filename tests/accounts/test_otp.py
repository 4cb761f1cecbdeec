"""The second factor at sign-in: asked for after the password, valid once, five guesses."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from time_machine import Traveller

from accounts import services
from accounts.codes import Purpose
from accounts.errors import BadCredentials, BadOtp, OtpRequired
from accounts.models import DeviceSession, RecoveryCode, TwoFactor, User
from accounts.services.otp import check_otp
from imsystem.errors import BadRequest, RateLimited
from tests.accounts.conftest import PASSWORD, ask_code
from tests.accounts.phone import Phone, enrol
from tests.api import Api, problem
from tests.mailbox import delivered_to

NEW = "battery staple correct"


@pytest.fixture
def phone(alice: User, clock: Traveller) -> Phone:
    return enrol(alice, clock)


def sign_in(otp: str = "", account: str = "alice", password: str = PASSWORD) -> User:
    return services.sign_in(
        account=account, password=password, otp=otp, ip="10.0.0.1", device="t", with_tokens=True
    ).user


def fail(times: int, otp: str) -> None:
    for _ in range(times):
        with pytest.raises(BadOtp):
            sign_in(otp)


def test_without_two_factor_a_code_is_ignored(alice: User) -> None:
    assert sign_in("000000") == sign_in("x" * 10_000) == sign_in() == alice


def test_begun_is_not_on(alice: User) -> None:
    services.begin_two_factor(user=alice, password=PASSWORD)
    assert sign_in() == alice


def test_the_code_of_the_app_lets_in_once(alice: User, phone: Phone) -> None:
    assert sign_in(phone.code()) == alice
    fail(1, phone.code())
    assert DeviceSession.objects.count() == 1


@pytest.mark.parametrize(
    ("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_phone_may_be_a_step_off(
    alice: User, phone: Phone, clock: Traveller, steps: int, good: bool
) -> None:
    clock.shift(timedelta(minutes=5))
    if good:
        assert sign_in(phone.code(steps)) == alice
    else:
        fail(1, phone.code(steps))


def test_a_later_code_ends_the_earlier_ones(phone: Phone) -> None:
    sign_in(phone.code(1))
    fail(1, phone.code(0))
    fail(1, phone.code(1))


def test_the_code_that_switched_it_on_is_used(phone: Phone) -> None:
    fail(1, phone.code(-1))


@pytest.mark.parametrize("otp", ["", " ", "\t\n"])
def test_without_a_code_it_is_asked_for_and_nothing_is_counted(
    alice: User, phone: Phone, otp: str
) -> None:
    for _ in range(20):
        with pytest.raises(OtpRequired) as asked:
            sign_in(otp)
    assert asked.value.user == alice
    assert DeviceSession.objects.count() == 0
    assert sign_in(phone.code()) == alice


def test_who_does_not_know_the_password_learns_nothing(phone: Phone) -> None:
    for otp in ("", phone.code(), "000000"):
        for name in ("alice", "nobody"):
            with pytest.raises(BadCredentials):
                sign_in(otp, account=name, password="wrong")
    check_otp(User.objects.get(), phone.code())  # still valid


@pytest.mark.parametrize(
    "otp", ["1" * 7, "12345", "１２３４５６", "٣٢١٠٠٠", "\0", "abc", "0" * 10_000]
)
def test_what_is_no_code(phone: Phone, otp: str) -> None:
    fail(1, otp)
    assert DeviceSession.objects.count() == 0


# --- recovery codes -------------------------------------------------------------------------


def test_each_recovery_code_lets_in_once(alice: User, phone: Phone) -> None:
    for code in phone.recovery_codes:
        assert sign_in(code) == alice
    for code in phone.recovery_codes[:3]:
        fail(1, code)
    assert DeviceSession.objects.count() == 10


@pytest.mark.parametrize("written", [str, lambda code: code.replace("-", ""), lambda c: f" {c}\n"])
def test_recovery_codes_as_people_type_them(
    alice: User, phone: Phone, written: Callable[[str], str]
) -> None:
    assert sign_in(written(phone.recovery_codes[3])) == alice


def test_its_owner_gets_a_mail(alice: User, phone: Phone) -> None:
    sign_in(phone.recovery_codes[0])
    mails = [m for m in delivered_to(alice.email) if "recovery code" in m.subject]
    assert [mail.subject for mail in mails] == ["A recovery code of your IMSystem account was used"]
    assert "You have 9 recovery codes left." in mails[0].body
    assert phone.recovery_codes[0] not in mails[0].body


def test_recovery_codes_of_others(phone: Phone, bob: User, clock: Traveller) -> None:
    others = enrol(bob, clock)
    fail(1, others.recovery_codes[0])
    fail(1, others.code())
    assert RecoveryCode.objects.filter(used_at=None).count() == 20


def test_neither_secret_nor_codes_are_stored_readable(phone: Phone) -> None:
    stored = str([*TwoFactor.objects.values(), *RecoveryCode.objects.values()])
    assert phone.secret not in stored
    for code in phone.recovery_codes:
        assert code not in stored
        assert code.replace("-", "") not in stored


# --- a key that changed ---------------------------------------------------------------------


def test_a_former_key_is_still_good(
    alice: User, phone: Phone, settings: object, clock: Traveller
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]  # type: ignore[attr-defined]
    settings.SECRET_KEY = "k" * 50  # type: ignore[attr-defined]
    assert sign_in(phone.code()) == alice
    assert sign_in(phone.recovery_codes[0]) == alice


def test_a_lost_key_lets_nobody_in(
    alice: User, phone: Phone, settings: object, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SECRET_KEY = "k" * 50  # type: ignore[attr-defined]
    fail(1, phone.code())
    assert caplog.messages == ["a two-factor secret cannot be read: SECRET_KEY has changed"]
    with pytest.raises(OtpRequired):
        sign_in()
    services.remove_two_factor(user=alice)
    assert sign_in() == alice


# --- the limit ------------------------------------------------------------------------------


def test_after_five_wrong_codes_even_the_right_one_waits(
    alice: User, phone: Phone, clock: Traveller
) -> None:
    fail(5, phone.wrong())
    for seconds, wait in ((0, 60), (59, 1)):
        clock.shift(timedelta(seconds=seconds))
        with pytest.raises(RateLimited) as refused:
            sign_in(phone.code())
        assert refused.value.retry_after == wait
    clock.shift(timedelta(seconds=1))
    assert sign_in(phone.code()) == alice
    fail(4, phone.wrong())  # success starts the count anew


def test_the_wait_doubles_up_to_an_hour(phone: Phone, clock: Traveller) -> None:
    fail(4, phone.wrong())
    for minutes in (1, 2, 4, 8, 16, 32, 60, 60):
        fail(1, phone.wrong())
        clock.shift(timedelta(minutes=minutes, seconds=-1))
        with pytest.raises(RateLimited):
            sign_in(phone.wrong())
        clock.shift(timedelta(seconds=1))


def test_four_wrong_codes_do_no_harm(alice: User, phone: Phone) -> None:
    fail(4, phone.wrong())
    assert sign_in(phone.code()) == alice


def test_the_limit_is_the_persons_wherever_they_sign_in(phone: Phone) -> None:
    fail(5, phone.wrong())
    with pytest.raises(RateLimited):
        services.check_credentials(
            account="alice@example.org", password=PASSWORD, ip="10.9.9.9", otp=phone.code()
        )


def test_the_limit_ends_no_session_and_keeps_nobody_else_out(
    alice: User, bob: User, phone: Phone
) -> None:
    there = Api(alice)
    fail(5, phone.wrong())
    assert there.get("users/me/").status_code == 200
    assert sign_in(account="bob") == bob


def test_a_new_password_starts_a_new_count(alice: User, phone: Phone) -> None:
    """An attacker who guesses codes has the password. The owner gets in by setting another."""
    fail(5, phone.wrong())
    code = ask_code(alice.email, Purpose.RESET)
    services.reset_password(email=alice.email, code=code, password=NEW)
    with pytest.raises(OtpRequired):  # and access to the mailbox alone is not enough
        sign_in(password=NEW)
    assert sign_in(phone.code(), password=NEW) == alice


# --- races ----------------------------------------------------------------------------------


def parallel(times: int, act: Callable[[], object]) -> list[str]:
    """Runs `act` so many times at once and returns the outcomes: "in", or the error's name."""

    def once(_number: int) -> str:
        try:
            act()
        except Exception as exc:
            return type(exc).__name__
        return "in"

    with ThreadPoolExecutor(8) as pool:
        return sorted(pool.map(once, range(times)))


ONE_OF_TWENTY = ["BadOtp"] * 19 + ["in"]


@pytest.fixture
def _no_limits(settings: object) -> None:
    settings.RATE_LIMITS = False  # type: ignore[attr-defined]


@pytest.mark.usefixtures("_no_limits")
def test_of_twenty_sign_ins_with_one_code_one_gets_in(phone: Phone) -> None:
    code = phone.code()
    assert parallel(20, lambda: sign_in(code)) == ONE_OF_TWENTY
    assert DeviceSession.objects.count() == 1


@pytest.mark.usefixtures("_no_limits")
def test_a_code_in_parallel_twenty_times_over(alice: User, phone: Phone, clock: Traveller) -> None:
    for _ in range(20):
        clock.shift(timedelta(seconds=30))
        code = phone.code()
        assert parallel(8, lambda code=code: check_otp(alice, code)) == ["BadOtp"] * 7 + ["in"]


@pytest.mark.usefixtures("_no_limits")
def test_a_recovery_code_in_parallel_twenty_times_over(alice: User, phone: Phone) -> None:
    for otp in (phone.code(), phone.code(1)):
        for code in services.new_recovery_codes(user=alice, password=PASSWORD, otp=otp):
            assert parallel(8, lambda code=code: check_otp(alice, code)) == ["BadOtp"] * 7 + ["in"]


def test_parallel_guesses_do_not_slip_through(alice: User, phone: Phone) -> None:
    code = phone.wrong()
    outcomes = parallel(20, lambda: check_otp(alice, code))
    assert outcomes == ["BadOtp"] * 5 + ["RateLimited"] * 15


# --- the API --------------------------------------------------------------------------------

LOGIN = {"account": "alice", "password": PASSWORD}


def test_the_api_asks_for_the_code(phone: Phone) -> None:
    api = Api()
    asked = api.post("auth/login/", LOGIN)
    detail = "Enter the code from your authenticator app, or a recovery code."
    assert asked.status_code == 401
    assert asked.json() == problem(401, "Unauthorized", "otp_required", detail)
    wrong = api.post("auth/login/", {**LOGIN, "otp": phone.wrong()})
    detail = "This code is wrong or has already been used."
    assert wrong.status_code == 401
    assert wrong.json() == problem(401, "Unauthorized", "bad_otp", detail)
    answer = api.post("auth/login/", {**LOGIN, "otp": phone.code()})
    assert answer.status_code == 200
    assert set(answer.json()) == {"user", "access", "refresh"}


def test_the_api_says_how_long_to_wait(phone: Phone) -> None:
    for _ in range(5):
        Api().post("auth/login/", {**LOGIN, "otp": phone.wrong()})
    answer = Api().post("auth/login/", {**LOGIN, "otp": phone.code()})
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")


@pytest.mark.parametrize("otp", [None, 0, 123456, True, 1.5, ["123456"], {"$ne": None}, "12\x0034"])
def test_only_strings_are_codes(phone: Phone, otp: object) -> None:
    answer = Api().post("auth/login/", {**LOGIN, "otp": otp})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert DeviceSession.objects.count() == 0


# --- asking again who is there --------------------------------------------------------------


@pytest.mark.parametrize("otp", ["", "000000"])
def test_what_asks_for_the_password_again_asks_for_the_code(
    alice: User, phone: Phone, otp: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        services.delete_own_account(user=alice, password=PASSWORD, otp=otp and phone.wrong())
    assert list(refused.value.errors) == ["otp"]
    assert User.objects.get().is_active
    services.delete_own_account(user=alice, password=PASSWORD, otp=phone.code())
    assert not User.objects.get().is_active
    assert (TwoFactor.objects.count(), RecoveryCode.objects.count()) == (0, 0)
