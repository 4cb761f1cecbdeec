"""Two-factor authentication switched on and off: who may, what is shown once, who is told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from time_machine import Traveller

from accounts import services
from accounts.models import RecoveryCode, TwoFactor, User
from imsystem.errors import BadRequest, RateLimited
from imsystem.redis import sync_redis
from tests.accounts.conftest import PASSWORD
from tests.accounts.phone import Phone, enrol
from tests.accounts.test_fuzz import FUZZ, VALUE
from tests.api import NO_CREDENTIALS, Api, bad_request, invalid, refused
from tests.mailbox import delivered_to

STATE = "auth/two-factor/"
CONFIRM = "auth/two-factor/confirm/"
CODES = "auth/two-factor/recovery-codes/"
DISABLE = "auth/two-factor/disable/"
OFF = {"enabled": False, "recovery_codes_left": 0}
WRONG_CODE = bad_request(otp=["This code is wrong or has already been used."])
WRONG_PASSWORD = bad_request(password=["This is not your current password."])


def stored() -> list[Any]:
    return [
        list(TwoFactor.objects.order_by("pk").values()),
        list(RecoveryCode.objects.order_by("pk").values()),
    ]


def subjects(user: User) -> list[str]:
    return [mail.subject for mail in delivered_to(user.email) if "device" not in mail.subject]


def test_from_off_to_on_to_off(alice: User, clock: Traveller) -> None:
    api = Api(alice)
    assert api.get(STATE).json() == OFF
    begun = api.post(STATE, {"password": PASSWORD})
    assert begun.status_code == 201
    secret = begun.json()["secret"]
    assert begun.json() == {
        "secret": secret,
        "uri": f"otpauth://totp/IMSystem:alice?secret={secret}&issuer=IMSystem",
        "qr": begun.json()["qr"],
    }
    assert begun.json()["qr"].startswith("data:image/svg+xml;base64,")
    assert api.get(STATE).json() == OFF

    phone = Phone(secret, [])
    confirmed = api.post(CONFIRM, {"otp": phone.code()})
    assert (confirmed.status_code, list(confirmed.json())) == (200, ["recovery_codes"])
    codes = confirmed.json()["recovery_codes"]
    assert len(set(codes)) == 10
    assert api.get(STATE).json() == {"enabled": True, "recovery_codes_left": 10}

    clock.shift(timedelta(seconds=30))
    services.check_otp(alice, codes[0])
    assert api.get(STATE).json() == {"enabled": True, "recovery_codes_left": 9}
    ended = api.post(DISABLE, {"password": PASSWORD, "otp": phone.code()})
    assert (ended.status_code, ended.content) == (204, b"")
    assert api.get(STATE).json() == OFF
    assert stored() == [[], []]
    # Two were sent at the same moment and may be delivered in any order.
    assert sorted(subjects(alice)) == [
        "A recovery code of your IMSystem account was used",
        "Two-factor authentication is off for your IMSystem account",
        "Two-factor authentication is on for your IMSystem account",
    ]


def test_switching_it_on_signs_nobody_out(alice: User, clock: Traveller) -> None:
    there = Api(alice)
    enrol(alice, clock)
    assert there.get("users/me/").status_code == 200


# --- beginning ------------------------------------------------------------------------------


def test_beginning_again_replaces_the_secret(alice: User, clock: Traveller) -> None:
    api = Api(alice)
    first, second = (api.post(STATE, {"password": PASSWORD}).json()["secret"] for _ in range(2))
    assert first != second
    assert api.post(CONFIRM, {"otp": Phone(first, []).code()}).json() == WRONG_CODE
    assert api.post(CONFIRM, {"otp": Phone(second, []).code()}).status_code == 200


def test_it_is_not_begun_twice(alice: User, clock: Traveller) -> None:
    enrol(alice, clock)
    before = stored()
    answer = Api(alice).post(STATE, {"password": PASSWORD})
    assert answer.status_code == 400
    assert answer.json() == refused("Two-factor authentication is already on.")
    assert stored() == before


def test_beginning_takes_the_password(alice: User) -> None:
    api = Api(alice)
    for _ in range(5):
        assert api.post(STATE, {"password": "wrong"}).json() == WRONG_PASSWORD
    assert api.post(STATE, {"password": PASSWORD}).status_code == 429
    assert stored() == [[], []]


def test_two_beginnings_at_once_leave_one_secret(alice: User) -> None:
    keep = services.two_factor._keep_unconfirmed
    for _ in range(20):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: keep(alice, f"sealed {number}"), range(4)))
        assert TwoFactor.objects.count() == 1
        TwoFactor.objects.all().delete()


# --- confirming -----------------------------------------------------------------------------


def test_nothing_to_confirm(alice: User, clock: Traveller) -> None:
    answer = Api(alice).post(CONFIRM, {"otp": "123456"})
    assert answer.status_code == 400
    assert answer.json() == refused("Enter your password first: there is nothing to confirm yet.")
    phone = enrol(alice, clock)
    assert Api(alice).post(CONFIRM, {"otp": phone.code()}).json() == answer.json()


@pytest.mark.parametrize("otp", ["", "000000", "1" * 7, "１２３４５６", "1234-5678-9012-3456"])
def test_a_wrong_first_code_switches_nothing_on(alice: User, clock: Traveller, otp: str) -> None:
    services.begin_two_factor(user=alice, password=PASSWORD)
    before = stored()
    with pytest.raises(BadRequest) as wrong:
        services.confirm_two_factor(user=alice, otp=otp)
    assert list(wrong.value.errors) == ["otp"]
    assert stored() == before


def test_first_codes_are_guessed_five_times(alice: User, clock: Traveller) -> None:
    phone = Phone(services.begin_two_factor(user=alice, password=PASSWORD).secret, [])
    for _ in range(5):
        with pytest.raises(BadRequest):
            services.confirm_two_factor(user=alice, otp=phone.wrong())
    with pytest.raises(RateLimited):
        services.confirm_two_factor(user=alice, otp=phone.code())


def test_one_of_two_confirmations_gets_the_codes(
    alice: User, clock: Traveller, settings: Any
) -> None:
    settings.RATE_LIMITS = False
    for _ in range(20):
        secret = services.begin_two_factor(user=alice, password=PASSWORD).secret
        code = Phone(secret, []).code()

        def once(_number: int, code: str = code) -> list[str]:
            try:
                return services.confirm_two_factor(user=alice, otp=code)
            except BadRequest:
                return []

        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(once, range(4)))
        assert sorted(map(len, outcomes)) == [0, 0, 0, 10]
        assert RecoveryCode.objects.count() == 10
        services.remove_two_factor(user=alice)


def test_a_secret_that_is_replaced_meanwhile_is_not_confirmed(
    alice: User, clock: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = services.begin_two_factor(user=alice, password=PASSWORD).secret
    module = services.two_factor
    step_of = module.app_step

    def overtaken(two_factor: TwoFactor, otp: str) -> int | None:
        step = step_of(two_factor, otp)
        services.begin_two_factor(user=alice, password=PASSWORD)
        return step

    monkeypatch.setattr(module, "app_step", overtaken)
    with pytest.raises(BadRequest):
        services.confirm_two_factor(user=alice, otp=Phone(secret, []).code())
    assert TwoFactor.objects.get().confirmed_at is None


# --- new recovery codes ---------------------------------------------------------------------


def test_new_recovery_codes_end_the_ones_before(alice: User, clock: Traveller) -> None:
    phone = enrol(alice, clock)
    answer = Api(alice).post(CODES, {"password": PASSWORD, "otp": phone.recovery_codes[0]})
    codes = answer.json()["recovery_codes"]
    assert (answer.status_code, len(codes)) == (200, 10)
    assert RecoveryCode.objects.count() == 10
    login = {"account": "alice", "password": PASSWORD}
    assert Api().post("auth/login/", {**login, "otp": phone.recovery_codes[1]}).status_code == 401
    assert Api().post("auth/login/", {**login, "otp": codes[1]}).status_code == 200


@pytest.mark.parametrize("path", [CODES, DISABLE])
def test_both_factors_are_asked_for_again(alice: User, clock: Traveller, path: str) -> None:
    api, phone = Api(alice), enrol(alice, clock)
    before = stored()
    wrong = {"password": "wrong", "otp": phone.code()}
    assert api.post(path, wrong).json() == WRONG_PASSWORD
    assert api.post(path, {"password": PASSWORD, "otp": phone.wrong()}).json() == WRONG_CODE
    asked = bad_request(otp=["Enter the code from your authenticator app, or a recovery code."])
    assert api.post(path, {"password": PASSWORD, "otp": ""}).json() == asked
    assert api.post(path, {"password": PASSWORD}).json() == asked
    assert stored() == before
    assert api.post(path, {"password": PASSWORD, "otp": phone.code()}).status_code < 300


@pytest.mark.parametrize("path", [CODES, DISABLE])
def test_what_is_off(alice: User, path: str) -> None:
    services.begin_two_factor(user=alice, password=PASSWORD)
    before = stored()
    answer = Api(alice).post(path, {"password": PASSWORD, "otp": "123456"})
    assert answer.status_code == 400
    assert answer.json() == refused("Two-factor authentication is not on.")
    assert stored() == before


# --- bad requests ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", STATE), ("POST", STATE), ("POST", CONFIRM), ("POST", CODES), ("POST", DISABLE)],
)
def test_strangers(method: str, path: str) -> None:
    answer = Api().call(method, path, {})
    assert (answer.status_code, answer.json()) == (401, NO_CREDENTIALS)


@pytest.mark.parametrize(
    ("path", "fields"),
    [(STATE, ["password"]), (CONFIRM, ["otp"]), (CODES, ["password"]), (DISABLE, ["password"])],
)
def test_missing_fields_are_named(alice: User, path: str, fields: list[str]) -> None:
    required = {field: ["This field is required."] for field in fields}
    assert Api(alice).post(path, {}).json() == invalid(**required)


def test_nobody_touches_what_others_have(alice: User, bob: User, clock: Traveller) -> None:
    enrol(alice, clock)
    before = stored()
    theirs = enrol(bob, clock)
    services.new_recovery_codes(user=bob, password=PASSWORD, otp=theirs.code())
    services.disable_two_factor(user=bob, password=PASSWORD, otp=theirs.code(1))
    assert stored() == before


OTP = VALUE | st.text(alphabet="0123456789 -", max_size=20) | st.from_regex(r"\A[0-9]{6,7}\Z")


@FUZZ
@given(otp=OTP, path=st.sampled_from(["auth/login/", CONFIRM, CODES, DISABLE]))
def test_whatever_is_sent_as_a_code(path: str, otp: Any) -> None:
    user = User.objects.first() or services.create_user(
        account="alice", email="alice@example.org", nickname="Alice", password=PASSWORD
    )
    if not TwoFactor.objects.exists():
        services.begin_two_factor(user=user, password=PASSWORD)
        TwoFactor.objects.update(confirmed_at=None if path == CONFIRM else 1)
    before = stored()
    api = Api(None if path == "auth/login/" else user)
    answer = api.post(path, {"account": "alice", "password": PASSWORD, "otp": otp})
    assert answer.status_code in (400, 401), answer.content
    assert stored() == before
    sync_redis().flushdb()


# --- an administrator's word ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["alice", "Alice@example.org"])
def test_the_command_switches_it_off(
    alice: User, clock: Traveller, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    enrol(alice, clock)
    call_command("disable_two_factor", name)
    assert capsys.readouterr().out == "Two-factor authentication of alice is off.\n"
    assert stored() == [[], []]
    assert subjects(alice)[-1] == "Two-factor authentication is off for your IMSystem account"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nobody", "There is nobody called 'nobody'."),
        ("a.*", "There is nobody called 'a.*'."),
        ("alice", "Two-factor authentication of alice is not on."),
    ],
)
def test_the_command_says_what_is_wrong(alice: User, name: str, says: str) -> None:
    with pytest.raises(CommandError) as wrong:
        call_command("disable_two_factor", name)
    assert str(wrong.value) == says
    assert subjects(alice) == []


def test_codes_and_secrets_are_in_no_log(
    alice: User, clock: Traveller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    phone = enrol(alice, clock)
    code = phone.code()
    for otp in (code, code, phone.recovery_codes[0]):
        Api().post("auth/login/", {"account": "alice", "password": PASSWORD, "otp": otp})
    assert code not in caplog.text
    assert phone.secret not in caplog.text
    assert phone.recovery_codes[0] not in caplog.text
