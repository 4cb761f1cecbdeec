"""LOG_FORMAT=json: every line of a whole system, from its start to its end."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from imsystem.ids import is_identity
from tests.up import Up, eventually

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
GIVEN = "0123456789abcdef0123456789abcdef"


def entries(*logs: Path) -> list[dict[str, Any]]:
    """Every line of the logs; each has to be an entry."""
    lines = [line for log in logs for line in log.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_every_line_is_an_entry(tmp_path: Path) -> None:
    up = Up(tmp_path / "data", LOG_FORMAT="json", TRUSTED_PROXIES="127.0.0.1", WEB_CONCURRENCY="1")
    try:
        assert eventually(lambda: "ready after" in up.output(), 90), up.output()
        url = next(e["message"] for e in entries(up.log) if "ready after" in e["message"])
        url = url.split()[4].rstrip("/")
        _requests_are_called_by_their_names(url)
        _answers_to_what_is_no_request_too(url)
        _sockets_too(url)
        os.kill(_web(up), signal.SIGKILL)
        assert eventually(lambda: "serves again" in up.output()), up.output()
    finally:
        assert up.stop() == 0
    told = entries(up.log, *(tmp_path / "data" / "logs").glob("*.log"))
    missing = next(entry for entry in told if entry["message"].startswith("Not Found: /nothing"))
    assert (missing["request_id"], missing["client"]) == (GIVEN, "203.0.113.9")
    assert missing["process"] == "web worker 1"
    processes = {entry["process"] for entry in told}
    assert processes == {"up", "mongodb", "redis", "web worker 1"}
    assert any("was killed by SIGKILL" in entry["message"] for entry in told)
    assert not any("handshake" in entry["message"] for entry in told)
    assert "evil" not in "".join(entry.get("client", "") for entry in told)


def _web(up: Up) -> int:
    return next(pid for part, pid in up.parts().items() if part == "web")


def _requests_are_called_by_their_names(url: str) -> None:
    from_proxy = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": GIVEN}
    odd = {"X-Forwarded-For": "evil\x1b[2J", "X-Request-ID": "a b"}
    with httpx.Client(base_url=url) as client:
        assert client.get("/nothing%0a%1b[2J", headers=from_proxy).headers["X-Request-ID"] == GIVEN
        for path in ("/healthz", "/login", "/static/css/app.css", "/api/v1/users/me/"):
            assert is_identity(client.get(path).headers["X-Request-ID"])
        assert is_identity(client.get("/nothing", headers=odd).headers["X-Request-ID"])
        refused = client.get("/api/v1/users/me/", headers=from_proxy)
        assert (refused.status_code, refused.json()["request_id"]) == (401, GIVEN)
        too_long = client.post("/api/v1/rooms/", content=b"x" * 600_000, headers=from_proxy)
        assert (too_long.status_code, too_long.json()["request_id"]) == (413, GIVEN)
        assert too_long.headers["X-Request-ID"] == GIVEN


def _answers_to_what_is_no_request_too(url: str) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as client:
        client.sendall(b"nonsense\r\n\r\n")
        answer = client.recv(4_096).decode()
    assert answer.startswith("HTTP/1.1 400 Bad Request\r\n")
    assert "\r\nX-Request-ID: " in answer


def _sockets_too(url: str) -> None:
    address = url.replace("http", "ws")
    headers = {"X-Request-ID": GIVEN}
    with connect(
        f"{address}/ws/", subprotocols=["im.v1"], additional_headers=headers, compression=None
    ) as chat:
        assert chat.response.headers["X-Request-ID"] == GIVEN
    with pytest.raises(Exception, match="403") as refused:
        connect(f"{address}/nothing/", additional_headers=headers)
    assert refused.value.response.headers["X-Request-ID"] == GIVEN
