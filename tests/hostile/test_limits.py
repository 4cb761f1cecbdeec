"""Limits hold whatever a client says it is (51, 87, 94): a system with its limits on."""

import pytest

from tests.hostile.conftest import Start
from tests.hostile.target import PASSWORD, Target, Visitor
from tests.up import eventually

SPOOFED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "CF-Connecting-IP",
           "True-Client-IP", "X-Cluster-Client-IP")  # fmt: skip
CODES_PER_IP = 15


@pytest.fixture(scope="module")
def target(start: Start) -> Target:
    return start()


@pytest.fixture(autouse=True)
def _nothing_used_up(target: Target) -> None:
    """As if the tests were a day apart."""
    for key in target.redis.keys("im:*:limit*") + target.redis.keys("im:*:delay*"):
        target.redis.delete(key)


def spoofed(number: int) -> dict[str, str]:
    """Returns another address with each request, in every header there is for it."""
    address = f"198.51.100.{number}"
    return {name: f"for={address}" if name == "Forwarded" else address for name in SPOOFED}


def test_the_address_noted_is_the_peer_s(target: Target) -> None:
    """87"""
    body = {"account": target.alice.account, "password": PASSWORD}
    answer = target.api("auth/login/", body, headers=spoofed(1))
    assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.json()['access']}"}
    devices = target.ask("GET", "/api/v1/auth/sessions/", headers=headers).json()["results"]
    assert {device["ip"] for device in devices} == {"127.0.0.1"}


@pytest.mark.usefixtures("untouched")
def test_links_are_made_of_no_header(target: Target) -> None:
    """87"""
    evil = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
            "X-Forwarded-Port": "666", "Forwarded": "host=evil.example;proto=https",
            "X-Host": "evil.example"}  # fmt: skip
    for path in ("/", "/chat/", "/accounts/login/", "/api/schema/", "/admin/", "/no-such"):
        answer = target.ask("GET", path, headers=evil)
        assert "evil" not in answer.text
        assert answer.headers.get("Location", "/").startswith("/")
    asked = {"email": target.alice.email, "purpose": "reset"}
    assert target.api("auth/code/", asked, headers=evil).status_code == 202
    assert eventually(lambda: len(target.mails_to(target.alice.email)) >= 2, 10)
    assert "evil" not in "".join(target.all_mails())


@pytest.mark.usefixtures("untouched")
def test_one_address_again_and_again(target: Target) -> None:
    """51: nobody gets a second mail within the minute."""
    body = {"email": "one@example.org", "purpose": "register"}
    answers = [target.api("auth/code/", body, headers=spoofed(n)) for n in range(20)]
    assert [answer.status_code for answer in answers] == [202] + [429] * 19
    for answer in answers[1:]:
        assert answer.json()["code"] == "rate_limited"
        assert 1 <= int(answer.headers["Retry-After"]) <= 600
    assert eventually(lambda: len(target.mails_to("one@example.org")) == 1, 10)


@pytest.mark.usefixtures("untouched")
def test_twenty_addresses_from_one_ip(target: Target) -> None:
    """51"""
    bodies = [{"email": f"n{n}@example.org", "purpose": "register"} for n in range(20)]
    answers = [target.api("auth/code/", body, headers=spoofed(n)) for n, body in enumerate(bodies)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [202] * CODES_PER_IP + [429] * 5
    assert int(answers[-1].headers["Retry-After"]) <= 600
    assert eventually(lambda: len(target.mails_to("n14@example.org")) == 1, 10)
    assert target.mails_to("n15@example.org") == []


@pytest.mark.parametrize("door", ["api", "page", "admin"])
def test_guessing_a_password_leaves_its_owner_alone(target: Target, door: str) -> None:
    """94: somebody who guesses is kept out; a signed-in user goes on, by token, cookie and
    socket."""
    with target.browser() as own, target.browser() as eve:
        fields = {"account": target.alice.account, "password": PASSWORD}
        assert own.form("/accounts/login/", **fields).status_code == 302
        with target.unchanged():
            statuses = [_guess(target, eve, door, number) for number in range(12)]
            assert statuses[0] in {200, 401}
            assert statuses[-1] == 429
            assert own.get("/chat/").status_code == 200
        me = target.ask("GET", "/api/v1/users/me/", headers=target.alice.headers)
        assert me.status_code == 200
    target.bystander_is_unharmed()


def _guess(target: Target, eve: Visitor, door: str, number: int) -> int:
    account, password = target.alice.account, f"guess {number}"
    if door == "api":
        body = {"account": account, "password": password}
        return target.api("auth/login/", body, headers=spoofed(number)).status_code
    if door == "page":
        return eve.form("/accounts/login/", account=account, password=password).status_code
    return eve.form("/admin/login/", username=account, password=password).status_code
