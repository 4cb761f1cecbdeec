"""EMAIL_URL."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from imsystem.mail.url import SMTP_BACKEND, email_settings

FILE, ECHO = "imsystem.mail.backends.FileBackend", "imsystem.mail.backends.EchoFileBackend"
CONSOLE = "django.core.mail.backends.console.EmailBackend"


def smtp(host: str, port: int, user: str = "", password: str = "", **more: Any) -> dict[str, Any]:
    return {
        "EMAIL_BACKEND": SMTP_BACKEND,
        "EMAIL_HOST": host,
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": user,
        "EMAIL_HOST_PASSWORD": password,
        **more,
    }


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("consolemail://", {"EMAIL_BACKEND": CONSOLE}),
        ("filemail:///var/mail", {"EMAIL_BACKEND": FILE, "EMAIL_FILE_PATH": "/var/mail"}),
        ("echomail:///var/mail", {"EMAIL_BACKEND": ECHO, "EMAIL_FILE_PATH": "/var/mail"}),
        ("smtp://mail.example.org", smtp("mail.example.org", 25)),
        ("smtp://127.0.0.1:1025/", smtp("127.0.0.1", 1025)),
        ("smtp+tls://u:p@h.example", smtp("h.example", 587, "u", "p", EMAIL_USE_TLS=True)),
        ("smtp+ssl://u:p@h.example", smtp("h.example", 465, "u", "p", EMAIL_USE_SSL=True)),
        (
            "smtp+tls://im%40example.org:a%2Fb%23c%25d+e%3A密码@h.example:2525",
            smtp("h.example", 2525, "im@example.org", "a/b#c%d+e:密码", EMAIL_USE_TLS=True),
        ),
        ("smtp://u:p@ss@h.example", smtp("h.example", 25, "u", "p@ss")),
    ],
)
def test_what_is_understood(url: str, expected: dict[str, Any]) -> None:
    assert email_settings(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "smtp+tls://im:secr/et@mail.example.org:587",
        "smtp+tls://im:secr#et@mail.example.org:587",
        "smtp+tls://im:secr?et@mail.example.org:587",
        "smtp+tls://im:secr[et@mail.example.org:587",
        "smtp+tls://im:secret@mail.example.org:port",
        "smtp+tls://im:secret@mail.example.org:99999",
        "smtp+tls://im:secret@",
        "smtp+tls://im:12/secret@mail.example.org",
        "imap://im:secret@mail.example.org",
        "mail.example.org secret",
        "",
    ],
)
def test_what_is_not_is_said_in_one_line_without_the_secret(url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        email_settings(url)
    text = str(caught.value)
    assert text.startswith("EMAIL_URL cannot be read. Write smtp+tls://user:password@host:587;")
    assert "\n" not in text
    assert not any(part in text for part in ("secr", "et@", "mail.example.org"))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
