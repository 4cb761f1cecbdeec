"""What the port answers while the system starts. No database."""

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from imsystem.embedded.starting import PAGE, PROBLEM, Starting


@pytest.fixture
def url() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        starting = Starting(listener)
        starting.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        starting.stop()
        # Workers serve on it from now on.
        assert listener.fileno() > 0


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/health/live/"])
def test_the_process_is_alive(url: str, path: str) -> None:
    answer = httpx.get(url + path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/readyz", "/api/v1/health/ready/"])
def test_and_not_ready(url: str, path: str) -> None:
    answer = httpx.get(url + path)
    assert (answer.status_code, answer.json()) == (503, {"status": "starting"})


def test_the_api_answers_a_problem_document(url: str) -> None:
    answer = httpx.post(f"{url}/api/v1/auth/login/", json={"account": "alice"})
    told = PROBLEM | {"request_id": answer.headers["X-Request-ID"]}
    assert (answer.status_code, answer.json()) == (503, told)
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_pages_say_it_in_both_languages_and_reload(url: str) -> None:
    answer = httpx.get(f"{url}/chat/?a=1")
    assert (answer.status_code, answer.text) == (503, PAGE)
    assert 'http-equiv="refresh"' in PAGE
    assert "系统正在启动" in PAGE
    assert answer.headers["Cache-Control"] == "no-store, private"


def test_sockets_are_told_to_come_back(url: str) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert httpx.get(f"{url}/ws/", headers=headers).status_code == 503


def test_head_has_no_body(url: str) -> None:
    answer = httpx.head(f"{url}/readyz")
    assert (answer.status_code, answer.content) == (503, b"")
    assert int(answer.headers["Content-Length"]) == len(json.dumps({"status": "starting"}))


def test_after_stop_connections_wait_for_a_worker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        starting = Starting(listener)
        starting.start()
        starting.stop()
        with socket.create_connection(listener.getsockname()):
            listener.setblocking(True)
            accepted, _address = listener.accept()
            accepted.close()
