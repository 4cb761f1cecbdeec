"""Where a trial's mails can be read, and who is told."""

from typing import Any

import pytest

from imsystem.mail.place import Place, trial_place


@pytest.fixture
def trial(settings: Any) -> Any:
    settings.EMAIL_BACKEND = "imsystem.mail.backends.EchoFileBackend"
    settings.EMAIL_FILE_PATH = "/data/mail"
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    settings.HTTPS = False
    return settings


@pytest.mark.parametrize("visitor", ["127.0.0.1", "127.1.2.3", "::1"])
def test_at_this_machine_the_directory_is_named(trial: Any, visitor: str) -> None:
    assert trial_place(visitor) == Place("/data/mail", on_console=True)


@pytest.mark.parametrize("visitor", ["10.0.0.5", "203.0.113.9", "2001:db8::1", "", "unknown"])
def test_elsewhere_nothing_is_said(trial: Any, visitor: str) -> None:
    assert trial_place(visitor) is None


def test_a_server_that_others_use_says_nothing(trial: Any) -> None:
    trial.ALLOWED_HOSTS = ["localhost", "chat.example.org"]
    assert trial_place("127.0.0.1") is None
    trial.ALLOWED_HOSTS, trial.HTTPS = ["localhost"], True
    assert trial_place("127.0.0.1") is None


def test_files_the_console_and_real_mail(trial: Any) -> None:
    trial.EMAIL_BACKEND = "imsystem.mail.backends.FileBackend"
    assert trial_place("127.0.0.1") == Place("/data/mail", on_console=False)
    trial.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert trial_place("127.0.0.1") == Place("", on_console=True)
    trial.EMAIL_BACKEND = "imsystem.mail.backends.SmtpBackend"
    assert trial_place("127.0.0.1") is None
