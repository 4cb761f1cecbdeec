"""What `manage.py doctor` says of a system that is not well. (test_up.py has the healthy one.)"""

import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command

from imsystem.embedded.network import free_port
from imsystem.health import diagnosis
from imsystem.health.diagnosis import Doubtful, Failed, Finding, Skipped, State, examine


def raising(exc: Exception) -> Callable[[str | None], str]:
    def check(url: str | None) -> str:
        raise exc

    return check


@pytest.fixture
def stranger() -> Iterator[str]:
    """A web server that is not ours: it answers 404 to everything."""

    class NotFound(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), NotFound) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("exc", "state", "detail"),
    [
        (Doubtful("slow"), State.WARNING, "slow"),
        (Skipped("none"), State.SKIPPED, "none"),
        (Failed("broken"), State.FAILED, "broken"),
        (ValueError("bad"), State.FAILED, "ValueError: bad"),
    ],
)
def test_every_exception_is_a_finding(exc: Exception, state: State, detail: str) -> None:
    assert examine("part", raising(exc), None) == Finding("part", state, detail)


def test_the_databases_of_the_tests_are_well() -> None:
    for name in ("mongodb", "replica set", "migrations", "restore", "unique indexes", "redis"):
        assert examine(name, diagnosis.CHECKS[name], None).state is State.OK


def test_the_channel_layer_carries() -> None:
    assert diagnosis.check_channel_layer(None).startswith("round trip in ")


def test_a_missing_unique_index_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"message_basic": {("data", "kind")}}
    monkeypatch.setattr(diagnosis, "unique_indexes", lambda: wanted)
    with pytest.raises(Failed, match=r"message_basic\(data, kind\)"):
        diagnosis.check_indexes(None)


def test_limits_that_are_off_are_a_warning(settings: Any) -> None:
    settings.RATE_LIMITS = False
    with pytest.raises(Doubtful, match="Rate limits are off"):
        diagnosis.check_configuration(None)


def test_mail_that_cannot_be_written(settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_FILE_PATH = str(tmp_path / "absent")
    with pytest.raises(Failed, match="cannot write to"):
        diagnosis.check_mail(None)


def test_a_mail_server_that_is_away(settings: Any) -> None:
    settings.EMAIL_FILE_PATH = None
    settings.EMAIL_BACKEND = "imsystem.mail.backends.SmtpBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    assert "ConnectionRefusedError" in examine("mail", diagnosis.check_mail, None).detail


@pytest.mark.parametrize(("free", "exc"), [(10**8, Failed), (10**9, Doubtful)])
def test_a_full_disk(free: int, exc: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))
    with pytest.raises(exc, match="GiB free"):
        diagnosis.check_disk(None)


def test_a_server_that_was_named_must_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    for check in (diagnosis.check_server, diagnosis.check_websocket):
        assert examine("it", check, nobody).state is State.FAILED
        monkeypatch.setattr(diagnosis, "LOCAL_URL", nobody)
        assert examine("it", check, None).state is State.SKIPPED


def test_a_server_that_is_not_ours(stranger: str) -> None:
    with pytest.raises(Failed, match="/readyz answers 404"):
        diagnosis.check_server(stranger)
    with pytest.raises(Failed, match=r"/ws/ answers 404: does the proxy pass upgrades on\?"):
        diagnosis.check_websocket(stranger)


@pytest.mark.parametrize("check", [diagnosis.check_server, diagnosis.check_websocket])
def test_this_machine_is_never_asked_through_a_proxy(
    check: Callable[[str | None], str], stranger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, nobody)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(Failed, match="answers 404"):
        check(stranger)


def test_the_reason_of_a_refusal_is_quoted(stranger: str) -> None:
    with pytest.raises(Failed, match=r"answers 404: .*Not Found"):
        diagnosis.check_server(stranger)


def test_a_failure_gives_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"):
        call_command("doctor", url=f"http://127.0.0.1:{free_port()}")
    assert "FAILED" in capsys.readouterr().out
