"""Wrong passwords and codes: strangers run out of tries, and use up none of the owner's."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from time_machine import Traveller

from accounts import services, trusted_devices
from accounts.codes import Purpose
from accounts.errors import BadOtp
from accounts.models import DeviceSession, User
from imsystem.errors import RateLimited
from imsystem.redis import sync_redis
from tests.accounts.conftest import PASSWORD, ask_code, make_user
from tests.accounts.phone import Phone, enrol
from tests.mailbox import delivered_to

NEW = "battery staple correct"
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture(autouse=True)
def _clock(clock: Traveller) -> None:
    """Waits are counted, not slept."""


@pytest.fixture
def alice() -> User:
    """Returns a staff member, so that every door is open to her."""
    alice = make_user("alice")
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    return alice


# --- the doors ------------------------------------------------------------------------------

Admission = Callable[[Client, str, str, str], HttpResponse]


def api(client: Client, name: str, password: str, ip: str) -> HttpResponse:
    body = {"account": name, "password": password}
    path = "/api/v1/auth/login/"
    return client.post(path, body, content_type="application/json", REMOTE_ADDR=ip)


def page(client: Client, name: str, password: str, ip: str) -> HttpResponse:
    body = {"account": name, "password": password}
    return client.post("/accounts/login/", body, REMOTE_ADDR=ip)


def admin(client: Client, name: str, password: str, ip: str) -> HttpResponse:
    body = {"username": name, "password": password}
    return client.post("/admin/login/?next=/admin/", body, REMOTE_ADDR=ip)


def original(client: Client, name: str, password: str, ip: str) -> HttpResponse:
    return client.post("/login", {"account": name, "password": password}, REMOTE_ADDR=ip)


DOORS = {"api": api, "page": page, "admin": admin, "original": original}
every_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)


def outcome(answer: HttpResponse) -> str:
    """Returns "in", "wrong" or "wait"."""
    if "Retry-After" in answer:
        return "wait"
    if answer["Content-Type"] == "application/json" and "msg" in answer.json():
        return "in" if answer.json()["code"] == 200 else "wrong"
    if answer.status_code == 302 or (answer.status_code == 200 and b'"access"' in answer.content):
        return "in"
    assert answer.status_code in {200, 401}
    return "wrong"


def attempt(door: Admission, name: str = "alice", ip: str = HOME, **given: object) -> str:
    client = given.get("client") or Client()
    assert isinstance(client, Client)
    return outcome(door(client, name, str(given.get("password", PASSWORD)), ip))


def guess(name: str, ip: str) -> str:
    """Tries a wrong password without the 40 ms of a hash for names that exist."""
    return attempt(api, name, ip, password="x" * 129)


def siege(name: str = "alice") -> int:
    """Guesses from as many sources as it takes until strangers have no tries left, and returns how
    many."""
    for number in range(1_000):
        if guess(name, f"2001:db8:{number // 4:x}::{number:x}") == "wait":
            return number
    raise AssertionError("strangers may guess for ever")


# --- one source -----------------------------------------------------------------------------


@every_door
def test_all_addresses_of_a_64_share_their_tries(alice: User, door: Admission) -> None:
    guesses = [f"2001:db8:0:1::{number:x}" for number in range(7)]
    outcomes = [attempt(door, ip=ip, password="wrong") for ip in guesses]
    assert outcomes == ["wrong"] * 5 + ["wait"] * 2
    assert attempt(door, ip="2001:db8:0:2::1") == "in"


@every_door
def test_a_mapped_address_is_the_address(alice: User, door: Admission) -> None:
    guesses = [("::ffff:192.0.2.1", "192.0.2.1")[number % 2] for number in range(6)]
    assert [attempt(door, ip=ip, password="wrong") for ip in guesses] == ["wrong"] * 5 + ["wait"]


def test_whoever_has_no_address_shares_one_source(alice: User) -> None:
    guesses = ["", "unknown", "_hidden", "x", "y", "z"]
    assert [guess("alice", ip) for ip in guesses] == ["wrong"] * 5 + ["wait"]


def test_one_source_at_many_names(alice: User) -> None:
    outcomes = [guess(f"name{number}", ELSEWHERE) for number in range(101)]
    assert outcomes == ["wrong"] * 100 + ["wait"]
    assert attempt(api, ip=ELSEWHERE) == "wait"
    assert attempt(api, ip=HOME) == "in"


def test_one_source_at_many_names_leaves_alone_who_signs_in_there(alice: User) -> None:
    """Many people sign in from one address, as in an office."""
    assert attempt(api) == "in"
    for number in range(101):
        guess(f"name{number}", HOME)
    assert attempt(api) == "in"


def test_right_passwords_use_nothing_up(alice: User) -> None:
    """A script signs in from a new place each time."""
    for number in range(60):
        assert attempt(api, ip=f"192.0.2.{number}") == "in"
    assert siege() == 50


# --- strangers run out, the owner does not --------------------------------------------------


@pytest.mark.parametrize("name", ["alice", "alice@example.org", "nobody", "nobody@example.org"])
def test_strangers_share_fifty_guesses_a_day(alice: User, clock: Traveller, name: str) -> None:
    assert siege(name) == 50
    clock.shift(timedelta(seconds=86_400 // 50))
    assert guess(name, "203.0.113.1") == "wrong"
    assert guess(name, "203.0.113.2") == "wait"


@every_door
def test_the_owner_is_let_in_where_they_signed_in_before(alice: User, door: Admission) -> None:
    assert attempt(api, ip="2001:db8:aaaa::1") == "in"
    siege()
    siege("alice@example.org")
    for ip in ("2001:db8:aaaa::2", "2001:db8:aaaa::3"):  # another address of their network
        assert attempt(door, ip=ip) == "in"
        assert attempt(door, "alice@example.org", ip) == "in"
    assert attempt(door, ip=ELSEWHERE) == "wait"


@every_door
def test_the_owner_s_device_is_let_in_anywhere(alice: User, door: Admission) -> None:
    own = Client()
    assert attempt(door, client=own) == "in"
    own.get("/admin/")  # the admin's sign-in gets its cookies with the next page
    siege()
    known = Client()
    known.cookies[settings.DEVICE_COOKIE_NAME] = own.cookies[settings.DEVICE_COOKIE_NAME].value
    assert attempt(door, ip=ELSEWHERE) == "wait"
    assert attempt(door, ip=ELSEWHERE, client=known) == "in"


@every_door
def test_a_guesser_in_the_same_place_leaves_the_owner_s_device_alone(
    alice: User, door: Admission
) -> None:
    own = Client()
    page(own, "alice", PASSWORD, HOME)
    own.logout()
    own.cookies[settings.DEVICE_COOKIE_NAME] = _cookie(alice)
    assert [guess("alice", HOME) for _ in range(6)] == ["wrong"] * 5 + ["wait"]
    assert attempt(door) == "wait"
    assert attempt(door, client=own) == "in"


def test_a_reset_by_mail_lets_a_new_device_in(alice: User, clock: Traveller) -> None:
    siege()
    siege("alice@example.org")
    assert attempt(api, ip=ELSEWHERE) == "wait"
    code = ask_code(alice.email, Purpose.RESET)
    body = {"email": alice.email, "code": code, "password": NEW, "action": "reset"}
    own = Client()
    answer = own.post("/accounts/password/reset/", body, REMOTE_ADDR=ELSEWHERE)
    assert answer.status_code == 302
    siege()  # the guesser goes on at once
    assert attempt(api, ip=ELSEWHERE, password=NEW) == "in"
    assert attempt(api, ip="203.0.113.9", password=NEW, client=own) == "in"
    assert attempt(api, ip="203.0.113.10", password=NEW) == "wait"


def test_whoever_is_signed_in_stays_so(alice: User) -> None:
    own = Client()
    assert attempt(page, client=own) == "in"
    siege()
    assert own.get("/chat/", REMOTE_ADDR=ELSEWHERE).status_code == 200
    assert DeviceSession.objects.filter(revoked_at=None).count() == 1


# --- the device's cookie --------------------------------------------------------------------


def _cookie(user: User, token: str = "") -> str:
    return trusted_devices._with_user(token, user)


def test_the_cookie_is_no_script_s_and_gives_no_rights(alice: User) -> None:
    client = Client()
    attempt(page, client=client)
    cookie = client.cookies[settings.DEVICE_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie["max-age"] == 180 * 24 * 3600
    other = Client()
    other.cookies[settings.DEVICE_COOKIE_NAME] = cookie.value
    assert other.get("/accounts/profile/").status_code == 302
    assert other.get("/api/v1/users/me/").status_code == 401


def test_a_device_guesses_as_often_as_any_other_place(alice: User) -> None:
    client = Client()
    client.cookies[settings.DEVICE_COOKIE_NAME] = _cookie(alice)
    places = [f"192.0.2.{number}" for number in range(6)]
    outcomes = [attempt(api, ip=ip, client=client, password="wrong") for ip in places]
    assert outcomes == ["wrong"] * 5 + ["wait"]
    assert attempt(api) == "in"  # and nobody else pays for it


@pytest.mark.parametrize("case", ["of bob", "made up", "cut", "old"])
def test_other_cookies_are_no_owner_s(alice: User, bob: User, clock: Traveller, case: str) -> None:
    good = _cookie(alice)
    if case == "old":
        clock.shift(timedelta(days=180, seconds=1))
    cookies = {"of bob": _cookie(bob), "made up": '{"x":1}', "cut": good[:-1], "old": good}
    siege()
    client = Client()
    client.cookies[settings.DEVICE_COOKIE_NAME] = cookies[case]
    assert attempt(api, ip=ELSEWHERE, client=client) == "wait"


def test_a_device_keeps_its_number_and_eight_accounts(alice: User) -> None:
    users = [User(pk=f"{number:024x}") for number in range(8)]
    first = _cookie(alice)
    number = trusted_devices.device_of(first, alice)
    token = first
    for user in users[:7]:
        token = _cookie(user, token)
    token = _cookie(alice, token)
    assert trusted_devices.device_of(token, alice) == number != ""
    token = _cookie(users[7], token)
    assert trusted_devices.device_of(token, users[0]) == ""
    assert trusted_devices.device_of(token, alice) == number


# --- no oracle ------------------------------------------------------------------------------


def test_wrong_tries_at_a_name_say_nothing_of_an_address(alice: User) -> None:
    """A username with its own address, and with somebody else's, get the same answers."""
    for address in ("alice@example.org", "nobody@example.org"):
        sync_redis().flushdb()
        assert [guess("alice", ELSEWHERE) for _ in range(6)] == ["wrong"] * 5 + ["wait"]
        assert guess(address, ELSEWHERE) == "wrong"
        siege("alice")
        assert guess(address, HOME) == "wrong"


def test_known_and_unknown_names_cost_redis_the_same(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = sync_redis()
    calls: list[str] = []
    execute = type(redis).execute_command

    def noted(self: object, *args: object, **options: object) -> object:
        calls.append(str(args[0]))
        return execute(self, *args, **options)

    monkeypatch.setattr(type(redis), "execute_command", noted)
    said = []
    for name in ("alice", "alice@example.org", "nobody", "nobody@example.org"):
        calls.clear()
        guess(name, HOME)
        said.append(tuple(calls))
    assert len(set(said)) == 1
    assert said[0]


# --- the second factor ----------------------------------------------------------------------


@pytest.fixture
def phone(alice: User, clock: Traveller) -> Phone:
    return enrol(alice, clock)


def with_code(otp: str, ip: str, token: str = "") -> User:
    return services.check_credentials(
        account="alice", password=PASSWORD, ip=ip, otp=otp, device_token=token
    )


def use_up(phone: Phone) -> None:
    """A thief of the password guesses codes from wherever they like."""
    for number in range(5):
        with pytest.raises(BadOtp):
            with_code(phone.wrong(), f"203.0.113.{number}")
    with pytest.raises(RateLimited):
        with_code(phone.code(), ELSEWHERE)


def test_guessed_codes_leave_the_owner_s_places_alone(
    alice: User, phone: Phone, clock: Traveller
) -> None:
    services.sign_in_user(user=alice, ip=HOME, device="")
    use_up(phone)
    assert with_code(phone.code(), HOME) == alice
    clock.shift(timedelta(seconds=30))
    assert with_code(phone.code(), "203.0.113.99", _cookie(alice)) == alice


def test_guessed_codes_leave_who_is_signed_in_alone(alice: User, phone: Phone) -> None:
    use_up(phone)
    services.new_recovery_codes(user=alice, password=PASSWORD, otp=phone.code())


def test_the_page_s_second_step_knows_the_device(alice: User, phone: Phone) -> None:
    own = Client()
    own.cookies[settings.DEVICE_COOKIE_NAME] = _cookie(alice)
    use_up(phone)
    for client, goes_to in ((Client(), None), (own, "/chat/")):
        assert page(client, "alice", PASSWORD, ELSEWHERE).status_code == 302
        body = {"otp": phone.code()}
        answer = client.post("/accounts/login/code/", body, REMOTE_ADDR=ELSEWHERE)
        assert answer.get("Location") == goes_to


def test_a_sign_in_from_another_address_of_a_network_is_no_news(alice: User) -> None:
    """Privacy extensions change the address every day."""
    for ip in ("2001:db8:1:2::1", "2001:db8:1:2:aaaa::9"):
        services.sign_in_user(user=alice, ip=ip, device="curl/8.5")
    assert delivered_to(alice.email) == []
    services.sign_in_user(user=alice, ip="2001:db8:1:3::1", device="curl/8.5")
    assert len(delivered_to(alice.email)) == 1
