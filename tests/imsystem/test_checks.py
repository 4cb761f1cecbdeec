"""A wrong configuration is refused with a hint, outside of development."""

from typing import Any

import pytest

from imsystem.checks import check_hosts, check_limits, check_secrets

GOOD = "x" * 32


@pytest.fixture
def production(settings: Any) -> Any:
    settings.DEBUG = False
    settings.SECRET_KEY = settings.JWT_SIGNING_KEY = GOOD
    settings.ALLOWED_HOSTS = ["chat.example.org"]
    return settings


def ids(messages: list[Any]) -> list[str]:
    assert all(message.hint for message in messages)
    return [message.id for message in messages]


def test_a_good_configuration_passes(production: Any) -> None:
    assert [*check_secrets(), *check_hosts(), *check_limits()] == []


@pytest.mark.parametrize("bad", ["x" * 31, "INSECURE"])
@pytest.mark.parametrize(
    ("name", "code"), [("SECRET_KEY", "imsystem.E001"), ("JWT_SIGNING_KEY", "imsystem.E002")]
)
def test_short_or_default_secrets_are_refused(
    production: Any, name: str, code: str, bad: str
) -> None:
    setattr(production, name, production.INSECURE_KEY if bad == "INSECURE" else bad)
    assert ids(check_secrets()) == [code]
    production.DEBUG = True
    assert check_secrets() == []


def test_any_host_is_refused(production: Any) -> None:
    production.ALLOWED_HOSTS = ["chat.example.org", "*"]
    assert ids(check_hosts()) == ["imsystem.E003"]
    production.DEBUG = True
    assert check_hosts() == []


@pytest.mark.parametrize("debug", [True, False])
def test_lifted_limits_are_warned_of(production: Any, debug: bool) -> None:
    production.DEBUG, production.RATE_LIMITS = debug, False
    assert ids(check_limits()) == ["imsystem.W001"]
