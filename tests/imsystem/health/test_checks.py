"""A wrong configuration is refused with a hint, outside of development."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage

from imsystem.health import checks
from imsystem.health.checks import (
    check_data_dir,
    check_debug,
    check_failpoints,
    check_hosts,
    check_hsts,
    check_https,
    check_limits,
    check_mail,
    check_origins,
    check_proxies,
    check_replica_set,
    check_secrets,
    check_secrets_differ,
    check_sender,
)
from tests.up import manage

GOOD = "x" * 32
ALL = [getattr(checks, name) for name in dir(checks) if name.startswith("check_")]
# settings.SILENCED_SYSTEM_CHECKS that would speak here: auth.W004 and security.W021.
SILENCED = 2
# The environment of a system that people use.
PRODUCTION = {
    "SECRET_KEY": "the-first-secret-" * 4,
    "JWT_SIGNING_KEY": "the-second-secret-" * 4,
    "ALLOWED_HOSTS": "chat.example.org",
    "CSRF_TRUSTED_ORIGINS": "https://chat.example.org",
    "EMAIL_URL": "smtp+tls://im:secret@mail.example.org:587",
    "DEFAULT_FROM_EMAIL": "IMSystem <im@example.org>",
    "MONGODB_URL": "mongodb://db1,db2/?replicaSet=rs0",
    "REDIS_URL": "redis://cache:6379/0",
}


@pytest.fixture
def production(settings: Any, tmp_path: Path) -> Any:
    settings.DEBUG = False
    settings.SECRET_KEY, settings.JWT_SIGNING_KEY = GOOD, "y" * 32
    settings.ALLOWED_HOSTS = ["chat.example.org"]
    settings.CSRF_TRUSTED_ORIGINS, settings.HTTPS = ["https://chat.example.org"], True
    settings.EMAIL_BACKEND = "imsystem.mail.backends.SmtpBackend"
    settings.DEFAULT_FROM_EMAIL = "IMSystem <im@example.org>"
    settings.MONGODB_URL = PRODUCTION["MONGODB_URL"]
    settings.DATA_DIR = tmp_path
    return settings


@pytest.fixture
def trial(production: Any) -> Any:
    """What `make run` gives: only this machine, and everything embedded."""
    production.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    production.CSRF_TRUSTED_ORIGINS, production.HTTPS = [], False
    production.EMAIL_BACKEND = "imsystem.mail.backends.EchoFileBackend"
    production.MONGODB_URL = "mongodb://127.0.0.1:27017/?directConnection=true"
    return production


def found() -> list[CheckMessage]:
    return [message for check in ALL for message in check()]


def ids(messages: list[Any]) -> list[str]:
    assert all(message.hint for message in messages)
    return [message.id for message in messages]


def test_a_good_configuration_passes(production: Any) -> None:
    assert len(ALL) == 14
    assert found() == []


def test_a_trial_passes(trial: Any) -> None:
    assert found() == []


def test_no_two_checks_share_an_id() -> None:
    source = Path(checks.__file__).read_text()
    used = re.findall(r'id="imsystem\.([EW][0-9]{3})"', source)
    assert len(used) == len(set(used))


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


def test_failpoints_are_refused(production: Any) -> None:
    assert check_failpoints() == []
    production.FAILPOINTS = "journal.after_insert=kill@1"
    assert ids(check_failpoints()) == ["imsystem.E009"]
    production.DEBUG = True
    assert check_failpoints() == []


@pytest.mark.parametrize("debug", [True, False])
def test_lifted_limits_are_warned_of(production: Any, debug: bool) -> None:
    production.DEBUG, production.RATE_LIMITS = debug, False
    assert ids(check_limits()) == ["imsystem.W001"]


def test_one_key_for_both_is_refused(production: Any) -> None:
    production.JWT_SIGNING_KEY = production.SECRET_KEY
    assert ids(check_secrets_differ()) == ["imsystem.E004"]
    production.DEBUG = True
    assert check_secrets_differ() == []


@pytest.mark.parametrize(
    "origin",
    ["chat.example.org", "ftp://chat.example.org", "https://", "https://chat.example.org/",
     "https://chat.example.org/chat", "https://a@chat.example.org", "*", "https://a b"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(production: Any, origin: str) -> None:
    production.CSRF_TRUSTED_ORIGINS = ["https://chat.example.org", origin]
    assert ids(check_origins()) == ["imsystem.E005"]


@pytest.mark.parametrize(
    "origin", ["https://chat.example.org:8443", "http://10.0.0.5:8000", "https://*.example.org"]
)
def test_origins_pass(production: Any, origin: str) -> None:
    production.CSRF_TRUSTED_ORIGINS = [origin]
    assert check_origins() == []


@pytest.mark.parametrize(
    "proxy",
    ["*", "0.0.0.0/0", "::/0", "0.0.0.0/1", "8.0.0.0/7", "proxy", "10.0.0.5/8", "10.0.0", ""],
)
def test_trusting_everybody_or_nobody_is_refused(production: Any, proxy: str) -> None:
    production.TRUSTED_PROXIES = ["127.0.0.1", proxy]
    assert ids(check_proxies()) == ["imsystem.E006"]


def test_proxies_pass(production: Any) -> None:
    production.TRUSTED_PROXIES = ["127.0.0.1", "::1", "10.0.0.0/8", "172.16.0.0/12", "fd00::/8"]
    assert check_proxies() == []


@pytest.mark.parametrize("word", ["", "on", "3600", "preloaded"])
def test_an_unknown_word_for_hsts_is_refused(production: Any, word: str) -> None:
    production.HSTS = word
    assert ids(check_hsts()) == ["imsystem.E007"]


@pytest.mark.parametrize("word", ["off", "host", "subdomains", "preload"])
def test_the_words_for_hsts_pass(production: Any, word: str) -> None:
    production.HSTS = word
    assert check_hsts() == []


def test_debug_is_refused_where_others_see_it(production: Any) -> None:
    production.DEBUG = True
    assert ids(check_debug()) == ["imsystem.E008"]
    production.ALLOWED_HOSTS = ["localhost"]
    assert ids(check_debug()) == ["imsystem.E008"]  # there is still an https:// address
    production.HTTPS = False
    assert check_debug() == []
    production.ALLOWED_HOSTS = ["localhost", "chat.example.org"]
    assert ids(check_debug()) == ["imsystem.E008"]


def test_people_without_https_are_warned_of(production: Any) -> None:
    production.HTTPS = False
    assert ids(check_https()) == ["imsystem.W002"]
    production.ALLOWED_HOSTS = ["localhost", "[::1]"]
    assert check_https() == []


@pytest.mark.parametrize(
    "backend",
    ["django.core.mail.backends.console.EmailBackend", "imsystem.mail.backends.EchoFileBackend",
     "imsystem.mail.backends.FileBackend", "django.core.mail.backends.filebased.EmailBackend"],
)  # fmt: skip
def test_mail_that_reaches_nobody_is_warned_of(production: Any, backend: str) -> None:
    production.EMAIL_BACKEND = backend
    assert ids(check_mail()) == ["imsystem.W003"]
    production.DEBUG = True
    assert check_mail() == []


@pytest.mark.parametrize("sender", ["IMSystem <noreply@localhost>", "noreply@intranet", "nobody"])
def test_a_sender_without_a_domain_is_warned_of(production: Any, sender: str) -> None:
    production.DEFAULT_FROM_EMAIL = sender
    assert ids(check_sender()) == ["imsystem.W006"]
    production.EMAIL_BACKEND = "imsystem.mail.backends.EchoFileBackend"
    assert check_sender() == []


@pytest.mark.parametrize(
    "url",
    ["mongodb://db/", "mongodb://im:secret@127.0.0.1:27017/im?authSource=admin",
     "mongodb://db:27017/?directConnection=true"],
)  # fmt: skip
def test_a_single_mongodb_is_warned_of(production: Any, url: str) -> None:
    production.MONGODB_URL = url
    [warning] = check_replica_set()
    assert warning.id == "imsystem.W004"
    assert "secret" not in f"{warning.msg}{warning.hint}"
    production.DEBUG = True
    assert check_replica_set() == []


@pytest.mark.parametrize(
    "url",
    ["mongodb://db/?replicaSet=rs0", "mongodb+srv://cluster.example.org/",
     "mongodb://router1,router2/", "mongodb://127.0.0.1:20000/?directConnection=true"],
)  # fmt: skip
def test_replica_sets_routers_and_the_embedded_one_pass(production: Any, url: str) -> None:
    production.MONGODB_URL = url
    assert check_replica_set() == []


def test_a_data_directory_that_takes_nothing_is_warned_of(
    production: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    production.DATA_DIR = tmp_path / "not" / "yet"
    assert check_data_dir() == []
    (tmp_path / "file").touch()
    production.DATA_DIR = tmp_path / "file" / "data"
    assert ids(check_data_dir()) == ["imsystem.W005"]
    production.DATA_DIR = tmp_path
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    assert ids(check_data_dir()) == ["imsystem.W005"]


class TestDeploy:
    """`manage.py check --deploy` in a production environment."""

    def check(self, **changes: str) -> tuple[int, str]:
        ended = manage("check", "--deploy", "--fail-level", "WARNING", **(PRODUCTION | changes))
        return ended.returncode, ended.stdout

    def test_it_has_nothing_to_say(self) -> None:
        code, text = self.check()
        assert (code, text) == (0, f"System check identified no issues ({SILENCED} silenced).\n")

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"HSTS": "host"}, {"security.W005"}),
            ({"HSTS": "off"}, {"security.W004"}),
            ({"TRUSTED_PROXIES": "0.0.0.0/0, 10.0.0.5"}, {"imsystem.E006"}),
            ({"DEBUG": "on"}, {"imsystem.E008", "security.W018"}),
            ({"JWT_SIGNING_KEY": PRODUCTION["SECRET_KEY"]}, {"imsystem.E004"}),
            ({"EMAIL_URL": "consolemail://", "RATE_LIMITS": "off"},
             {"imsystem.W003", "imsystem.W001"}),
        ],
    )  # fmt: skip
    def test_it_names_what_is_wrong(self, changes: dict[str, str], expected: set[str]) -> None:
        code, text = self.check(**changes)
        assert code == 1
        assert set(re.findall(r"\(((?:imsystem|security)\.[EW]\d+)\)", text)) == expected
