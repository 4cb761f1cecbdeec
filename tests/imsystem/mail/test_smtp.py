"""Mail through a real SMTP server: what it is told, what a mail looks like, what a refusal says."""

import ssl
import time
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import BadHeaderError
from django.core.management import call_command

from imsystem.health import diagnosis
from imsystem.health.diagnosis import Failed
from imsystem.jobs.models import Job
from imsystem.mail.backends import SmtpBackend
from imsystem.mail.delivery import compose, host_name
from imsystem.mail.handover import hand_over
from imsystem.mail.outbox import Mail
from imsystem.mail.posting import post
from imsystem.mail.probe import ProbeError, probe
from tests.imsystem.mail.server import mail_server
from tests.jobs import run_jobs
from tests.mailbox import deliver_due

HELLO = Mail("a@example.org", "123456 is your code", "Hello,\n\nthe code is 123456.\n")


@pytest.fixture(autouse=True)
def sender(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server with a name, and a mail server's certificate that is believed."""
    settings.DEFAULT_FROM_EMAIL = "聊天 <noreply@im.example.org>"
    settings.ALLOWED_HOSTS = ["localhost", "chat.example.org"]
    settings.CSRF_TRUSTED_ORIGINS = []
    monkeypatch.setattr(SmtpBackend, "ssl_context", ssl._create_unverified_context())  # noqa: S323 -- its own
    return settings


def test_a_mail_is_as_a_mail_administrator_expects_it(settings: Any) -> None:
    with mail_server(settings) as server:
        post(HELLO, good_for_s=60)
        assert deliver_due() == 1
    [envelope], [message] = server.envelopes, server.messages
    assert server.hello == "chat.example.org"
    assert (envelope.mail_from, envelope.rcpt_tos) == ("noreply@im.example.org", ["a@example.org"])
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@im.example.org>")
    assert abs(parsedate_to_datetime(message["Date"]).timestamp() - time.time()) < 60
    assert str(make_header(decode_header(message["From"]))) == settings.DEFAULT_FROM_EMAIL
    assert (message["To"], message["Reply-To"]) == ("a@example.org", None)
    assert message.get_payload().replace("\r\n", "\n") == HELLO.body  # type: ignore[union-attr]


def test_bounces_and_answers_go_where_they_should(settings: Any) -> None:
    settings.EMAIL_BOUNCES_TO, settings.EMAIL_REPLY_TO = "bounce@example.org", "help@example.org"
    with mail_server(settings) as server:
        post(HELLO, good_for_s=60)
        deliver_due()
    assert server.envelopes[0].mail_from == "bounce@example.org"
    assert server.messages[0]["Reply-To"] == "help@example.org"
    assert "noreply@im.example.org" in server.messages[0]["From"]


def test_chinese_is_utf8_and_lines_are_short(settings: Any) -> None:
    body = "您的验证码是 123456\n" + "长" * 2_000
    with mail_server(settings) as server:
        post(Mail("a@example.org", "验证码", body), good_for_s=60)
        assert deliver_due() == 1
    [envelope], [message] = server.envelopes, server.messages
    assert max(map(len, envelope.content.split(b"\r\n"))) <= 998
    decoded = message.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert decoded.replace("\r\n", "\n").rstrip("\n") == body
    assert str(make_header(decode_header(message["Subject"]))) == "验证码"
    assert message.get_content_charset() == "utf-8"


def test_text_of_eight_bits_is_announced(settings: Any) -> None:
    with mail_server(settings) as server:
        post(Mail("a@example.org", "code", "验证码 123456"), good_for_s=60)
        assert deliver_due() == 1
    assert "BODY=8BITMIME" in server.envelopes[0].mail_options


def test_a_recipient_in_a_chinese_domain(settings: Any) -> None:
    with mail_server(settings) as server:
        post(Mail("a@例子.cn", "code", "123456"), good_for_s=60)
        assert deliver_due() == 1
    assert server.envelopes[0].rcpt_tos == ["a@xn--fsqu00a.cn"]


@pytest.mark.parametrize("field", ["to", "subject"])
def test_a_line_break_makes_no_header(settings: Any, field: str) -> None:
    parts = {"to": "a@example.org", "subject": "code", field: "x\r\nBcc: b@example.org"}
    with pytest.raises(BadHeaderError):
        compose(**parts, body="", message_id="1").message()


@pytest.mark.parametrize("password", ["secret", "密码/#?@:% ü"])
def test_a_login_with_any_password_over_tls(settings: Any, tmp_path: Path, password: str) -> None:
    with mail_server(settings, password=password, tls=tmp_path, auth=True) as server:
        post(HELLO, good_for_s=60)
        assert deliver_due() == 1
        assert len(server.envelopes) == 1
        assert probe(3.0).startswith("signed in at 127.0.0.1:")


@pytest.mark.parametrize(
    ("verb", "answer", "outcome", "error"),
    [
        ("RCPT", "550 5.1.1 no such user", "failed", "550 5.1.1 (recipient)"),
        ("RCPT", "451 4.7.1 grey-listed", "retry", "451 4.7.1 (recipient)"),
        ("RCPT", "450 try later", "retry", "450 (recipient)"),
        ("MAIL", "530 5.7.0 log in first", "retry", "530 5.7.0 (sender)"),
        ("DATA", "554 5.7.1 spam", "failed", "554 5.7.1 (message)"),
        ("DATA", "452 4.3.1 disk full", "retry", "452 4.3.1 (message)"),
    ],
)
def test_what_a_refusal_says(
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    verb: str,
    answer: str,
    outcome: str,
    error: str,
) -> None:
    with mail_server(settings) as server:
        server.answers[verb] = f"{answer} <a@example.org>"
        post(HELLO, good_for_s=60)
        hand_over()
        assert run_jobs("mail") == [outcome]
    assert Job.objects.get().error == error
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("imsystem")]
    assert len(ours) == 1
    assert error in ours[0]
    assert "a@example.org" not in ours[0]


# --- doctor ---------------------------------------------------------------------------------


def test_doctor_asks_for_all_but_the_mail(settings: Any) -> None:
    with mail_server(settings) as server:
        assert "it takes our mail" in diagnosis.check_mail(None)
    assert server.commands == ["MAIL", "RCPT"]
    assert server.envelopes == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_server_that_wants_a_login_is_not_well(settings: Any) -> None:
    with mail_server(settings, auth=True), pytest.raises(Failed, match=r"530 .*\(sender\)"):
        diagnosis.check_mail(None)


def test_a_wrong_password_is_named_without_it(settings: Any, tmp_path: Path) -> None:
    with mail_server(settings, password="right", tls=tmp_path, auth=True):
        settings.EMAIL_HOST_PASSWORD = "wrong-secret"
        with pytest.raises(Failed, match=r"535 .*\(login\)") as caught:
            diagnosis.check_mail(None)
    assert "wrong-secret" not in str(caught.value)


def test_a_sender_that_is_refused_is_not_well(settings: Any) -> None:
    with mail_server(settings) as server:
        server.answers["MAIL"] = "553 5.7.1 not your domain"
        with pytest.raises(ProbeError, match=r"553 5.7.1 \(sender\)"):
            probe(3.0)


def test_a_noreply_that_does_not_exist_is_no_fault(settings: Any) -> None:
    with mail_server(settings) as server:
        server.answers["RCPT"] = "553 5.1.1 no such user"
        assert "it takes our mail" in probe(3.0)


def test_sendtestemail_goes_the_same_way(settings: Any) -> None:
    with mail_server(settings) as server:
        call_command("sendtestemail", "admin@example.org")
    assert server.envelopes[0].rcpt_tos == ["admin@example.org"]
    assert server.hello == "chat.example.org"


@pytest.mark.parametrize(
    ("origins", "hosts", "from_email", "name"),
    [
        (["https://chat.example.org"], ["localhost"], "a@example.org", "chat.example.org"),
        ([], ["localhost", "im.example.org"], "a@example.org", "im.example.org"),
        ([], [".example.org"], "a@x.org", "example.org"),
        ([], ["localhost", "127.0.0.1", "[::1]"], "IM <a@x.org>", "x.org"),
        ([], ["*"], "a@例子.cn", "xn--fsqu00a.cn"),
        ([], ["localhost"], "noreply@localhost", ""),
    ],
)
def test_how_it_calls_itself(
    settings: Any, origins: list[str], hosts: list[str], from_email: str, name: str
) -> None:
    settings.CSRF_TRUSTED_ORIGINS, settings.ALLOWED_HOSTS = origins, hosts
    settings.DEFAULT_FROM_EMAIL = from_email
    assert host_name() == name
