"""REGISTRATION and REGISTRATION_DOMAINS: the same at every door, and no oracle for addresses."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts import services
from accounts.canonical import canonical_domain
from accounts.checks import check_registration_domains
from accounts.codes import Purpose
from accounts.errors import InvitationRequired, RegistrationClosed
from accounts.models import User
from accounts.policies import registration_refusal, require_registration, require_usable_address
from imsystem.errors import AppError, BadRequest
from imsystem.health.diagnosis import check_openness
from tests.accounts.conftest import PASSWORD, ask_code, new_address
from tests.api import Api
from tests.mailbox import delivered
from tests.seed import Seed
from tests.up import manage

EMAIL = "carol@example.org"
CLOSED = {
    "closed": ("registration_closed", "Registration is closed on this server."),
    "invite": ("invitation_required", "You need an invitation to register on this server."),
}
WRONG_DOMAIN = "Addresses at this domain cannot be used on this server."
modes = pytest.mark.parametrize("mode", ["closed", "invite"])


def fields(code: str = "000000") -> dict[str, str]:
    return {"account": "carol", "password": PASSWORD, "email": EMAIL, "code": code}


def problem(mode: str) -> dict[str, Any]:
    code, detail = CLOSED[mode]
    return {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": detail,
        "code": code,
    }


def nothing_happened() -> bool:
    return not delivered() and not User.objects.filter(account="carol").exists()


# --- every door -----------------------------------------------------------------------------


@modes
def test_the_services_refuse(settings: Any, mode: str) -> None:
    code = ask_code(EMAIL)
    settings.REGISTRATION = mode
    with pytest.raises(AppError) as refused:
        services.register(**fields(code))
    assert refused.value.code == CLOSED[mode][0]
    with pytest.raises(AppError) as refused:
        services.send_code(email=EMAIL, purpose=Purpose.REGISTER, ip=new_address())
    assert refused.value.code == CLOSED[mode][0]
    settings.REGISTRATION = "open"  # the code has not been used up
    assert services.register(**fields(code)).account == "carol"


@modes
def test_the_api_refuses(settings: Any, mode: str) -> None:
    settings.REGISTRATION = mode
    asked = Api().post("auth/code/", {"email": EMAIL, "purpose": "register"})
    registered = Api().post("auth/register/", fields())
    for answer in (asked, registered):
        assert (answer.status_code, answer.json()) == (403, problem(mode))
    assert nothing_happened()


@modes
@pytest.mark.parametrize("more", [{"action": "send_code"}, {"action": "register"}, {}])
def test_the_page_refuses(settings: Any, mode: str, more: dict[str, str]) -> None:
    settings.REGISTRATION = mode
    answer = Client().post("/accounts/register/", {**fields(), **more})
    assert answer.status_code == 403
    assert CLOSED[mode][1] in answer.content.decode()
    assert nothing_happened()


@modes
@pytest.mark.parametrize("path", ["/send/code", "/register"])
def test_the_routes_of_the_original_refuse(settings: Any, mode: str, path: str) -> None:
    settings.REGISTRATION = mode
    assert Seed().post(path, **fields()) == {"code": -1, "msg": "本服务器暂未开放注册"}
    assert nothing_happened()


@modes
def test_known_and_unknown_addresses_get_one_answer(alice: User, settings: Any, mode: str) -> None:
    settings.REGISTRATION = mode
    answers = [
        Api().post("auth/code/", {"email": email, "purpose": "register"}).content
        for email in (alice.email, "nobody@example.org", "nonsense")
    ]
    assert len(set(answers)) == 1
    assert not delivered()


@modes
def test_users_still_reset_passwords_and_change_addresses(
    alice: User, settings: Any, mode: str
) -> None:
    settings.REGISTRATION = mode
    services.send_code(email=alice.email, purpose=Purpose.RESET, ip=new_address())
    services.send_code(email="n@example.org", purpose=Purpose.CHANGE_EMAIL, ip=new_address())
    assert [message.to for message in delivered()] == [[alice.email], ["n@example.org"]]


@modes
def test_administrators_still_add_users(settings: Any, mode: str) -> None:
    settings.REGISTRATION, settings.REGISTRATION_DOMAINS = mode, ["example.com"]
    assert services.add_user(account="dana", email="dana@elsewhere.example").account == "dana"


# --- pages ----------------------------------------------------------------------------------


@modes
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_say_so(settings: Any, mode: str, language: str) -> None:
    settings.REGISTRATION = mode
    chinese = {"closed": "本服务器已关闭注册。", "invite": "需要邀请才能在本服务器注册。"}[mode]
    told = CLOSED[mode][1] if language == "en" else chinese
    client = Client(headers={"accept-language": language})
    page = client.get("/accounts/register/")
    assert page.status_code == 200
    assert told in page.content.decode()
    assert 'name="email"' not in page.content.decode()
    assert "/accounts/register/" not in client.get("/accounts/login/").content.decode()


def test_an_open_server_offers_registration() -> None:
    assert "/accounts/register/" in Client().get("/accounts/login/").content.decode()
    assert 'name="email"' in Client().get("/accounts/register/").content.decode()


# --- the policy -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "invite", "refusal"),
    [
        ("open", None, None),
        ("open", object(), None),
        ("invite", None, InvitationRequired),
        ("invite", object(), None),
        ("closed", None, RegistrationClosed),
        ("closed", object(), RegistrationClosed),
    ],
)
def test_who_may_register(
    settings: Any, mode: str, invite: object | None, refusal: type[AppError] | None
) -> None:
    settings.REGISTRATION = mode
    found = registration_refusal(settings, invite)
    assert (found and type(found)) is refusal
    if refusal is None:
        require_registration(settings, EMAIL, invite)
    else:
        with pytest.raises(refusal):
            require_registration(settings, EMAIL, invite)


def test_an_invitation_does_not_lift_the_domains(settings: Any) -> None:
    settings.REGISTRATION, settings.REGISTRATION_DOMAINS = "invite", ["example.com"]
    with pytest.raises(BadRequest):
        require_registration(settings, EMAIL, object())


# --- domains --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "email", "allowed"),
    [
        ("example.org", "carol@example.org", True),
        ("Example.ORG", " Carol@EXAMPLE.org ", True),
        ("example.org", "carol@mail.example.org", False),
        ("mail.example.org", "carol@example.org", False),
        ("example.org", "carol@notexample.org", False),
        ("example.org", "carol@example.org.evil.example", False),
        ("example.org", "example.org@evil.example", False),
        ("example.org", "carol@example.com", False),
        ("example.org", "carol@example.org@evil.example", False),
        ("example.org", "example.org", True),  # refused by services.valid_email: not an address
        ("bücher.example", "carol@xn--bcher-kva.example", True),
        ("BÜCHER.example", "carol@XN--BCHER-KVA.example", True),
        ("xn--bcher-kva.example", "carol@xn--bcher-kva.example", True),
        ("bücher.example", "carol@bucher.example", False),
        ("例え。jp", "carol@xn--r8jz45g.jp", True),
        ("ｅxample.org", "carol@example.org", True),
    ],
)
def test_domains_are_compared_in_their_canonical_form(
    settings: Any, domain: str, email: str, allowed: bool
) -> None:
    settings.REGISTRATION_DOMAINS = ["other.example", domain]
    if allowed:
        require_usable_address(settings, email)
    else:
        with pytest.raises(BadRequest) as refused:
            require_usable_address(settings, email)
        assert refused.value.errors == {"email": [WRONG_DOMAIN]}


def test_without_domains_any_will_do(settings: Any) -> None:
    assert settings.REGISTRATION_DOMAINS == []
    require_usable_address(settings, "carol@anything.example")


def test_another_domain_gets_no_code_and_no_account(settings: Any) -> None:
    code = ask_code(EMAIL)
    settings.REGISTRATION_DOMAINS = ["example.com"]
    asked = Api().post("auth/code/", {"email": EMAIL, "purpose": "register"})
    registered = Api().post("auth/register/", fields(code))
    for answer in (asked, registered):
        assert answer.status_code == 400
        assert answer.json()["errors"] == {"email": [WRONG_DOMAIN]}
    page = Client().post("/accounts/register/", {**fields(code), "action": "register"})
    assert WRONG_DOMAIN in page.content.decode()
    assert Seed().post("/register", **fields(code)) == {"code": -1, "msg": "参数不正确"}
    assert not User.objects.filter(account="carol").exists()
    assert len(delivered()) == 1  # the first code
    settings.REGISTRATION_DOMAINS = ["example.org"]
    assert Api().post("auth/register/", fields(code)).status_code == 201


def test_known_and_unknown_addresses_of_another_domain_get_one_answer(
    alice: User, settings: Any
) -> None:
    settings.REGISTRATION_DOMAINS = ["example.com"]
    answers = [
        Api().post("auth/code/", {"email": email, "purpose": "register"}).content
        for email in (alice.email, "nobody@example.org")
    ]
    assert len(set(answers)) == 1
    assert not delivered()


def test_nobody_changes_to_an_address_of_another_domain(alice: User, settings: Any) -> None:
    code = ask_code("new@example.org", Purpose.CHANGE_EMAIL)
    settings.REGISTRATION_DOMAINS = ["example.com"]
    with pytest.raises(BadRequest) as refused:
        services.change_email(user=alice, email="new@example.org", code=code, password=PASSWORD)
    assert refused.value.errors == {"email": [WRONG_DOMAIN]}
    with pytest.raises(BadRequest):
        services.send_code(email=EMAIL, purpose=Purpose.CHANGE_EMAIL, ip=new_address())
    assert User.objects.get(pk=alice.pk).email == "alice@example.org"


# --- wrong settings, doctor, clients --------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["@example.org", "*.example.org", "example", "carol@example.org", "exa mple.org", ".org",
     "example.org.", "https://example.org", "-a.example", "\u200d.example", "$ne"],
)  # fmt: skip
def test_what_is_no_domain_is_refused_at_start(settings: Any, name: str) -> None:
    settings.REGISTRATION_DOMAINS = ["example.org", name]
    (error,) = check_registration_domains()
    assert error.id == "accounts.E101"
    assert error.msg == f"REGISTRATION_DOMAINS names {name!r}, which is not a domain."


def test_good_domains_are_taken(settings: Any) -> None:
    settings.REGISTRATION_DOMAINS = ["example.org", "Bücher.example", "xn--bcher-kva.example"]
    assert check_registration_domains() == []
    assert canonical_domain("Bücher.example") == "xn--bcher-kva.example"


def test_bad_values_start_nothing() -> None:
    ran = manage("check", DEBUG="on", REGISTRATION="ajar")
    assert ran.returncode != 0
    assert "REGISTRATION is 'ajar'. It is one of open, invite, closed." in ran.stdout
    ran = manage("check", DEBUG="on", REGISTRATION_DOMAINS="example.org, @b.example")
    assert ran.returncode != 0
    assert re.search(r"REGISTRATION_DOMAINS names '@b\.example'", ran.stdout)


@pytest.mark.parametrize(
    ("mode", "domains", "told"),
    [
        ("open", [], "registration open (any e-mail domain)"),
        ("open", ["a.example", "b.example"], "registration open (a.example, b.example)"),
        ("invite", [], "registration by invitation (any e-mail domain)"),
        ("closed", [], "registration closed"),
    ],
)
def test_doctor_says_what_is_open(settings: Any, mode: str, domains: list[str], told: str) -> None:
    settings.REGISTRATION, settings.REGISTRATION_DOMAINS = mode, domains
    settings.SEED_ROUTES, settings.RATE_LIMITS = False, True
    rest = "directory off; routes of the original off; rate limits on"
    assert check_openness(None) == f"{told}; {rest}"
