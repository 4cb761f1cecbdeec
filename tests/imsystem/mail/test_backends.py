"""Mail that goes to files."""

from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMessage, get_connection

MAILS = 30


def send(backend: str, subject: str) -> None:
    EmailMessage(
        subject, "body", to=["alice@example.org"], connection=get_connection(backend)
    ).send()


@pytest.mark.parametrize(
    "backend",
    [
        "imsystem.mail.backends.FileBackend",
        "imsystem.mail.backends.EchoFileBackend",
    ],
)
def test_each_mail_is_in_a_file_of_its_own(settings: Any, tmp_path: Path, backend: str) -> None:
    settings.EMAIL_FILE_PATH = str(tmp_path)
    for number in range(MAILS):  # within a second: Django's own backend makes a few files of them
        send(backend, f"code {number}")
    subjects = {message_from_bytes(file.read_bytes())["Subject"] for file in tmp_path.glob("*.log")}
    assert subjects == {f"code {number}" for number in range(MAILS)}


def test_mails_sent_together_are_in_one_file(settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_FILE_PATH = str(tmp_path)
    mails = [EmailMessage(f"code {number}", "body", to=["alice@example.org"]) for number in (1, 2)]
    assert get_connection("imsystem.mail.backends.FileBackend").send_messages(mails) == 2
    [file] = tmp_path.glob("*.log")
    assert file.read_text().count("Subject: code") == 2


def test_a_trial_is_told_the_subject(settings: Any, tmp_path: Path, capsys: Any) -> None:
    settings.EMAIL_FILE_PATH = str(tmp_path)
    send("imsystem.mail.backends.EchoFileBackend", "123456 is your code")
    assert capsys.readouterr().out == "mail to alice@example.org: 123456 is your code\n"
