"""/healthz and /readyz, also under /api/v1/health/."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from imsystem.health import probes
from imsystem.redis import sync_redis


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/health/live/"])
def test_a_process_that_serves_is_alive(path: str) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/readyz", "/api/v1/health/ready/"])
def test_it_is_ready_when_both_databases_answer(path: str) -> None:
    answer = Client().get(path)
    ok = {"status": "ok", "mongodb": "ok", "redis": "ok"}
    assert (answer.status_code, answer.json()) == (200, ok)


@pytest.mark.parametrize("part", ["mongodb", "redis"])
@pytest.mark.parametrize("how", ["fails", "hangs"])
def test_it_is_not_ready_without_one_of_them(
    part: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ping() -> None:
        if how == "fails":
            raise OSError("secret.example.org refuses")
        await asyncio.Event().wait()

    monkeypatch.setattr(probes, "CHECK_TIMEOUT_S", 0.01)
    monkeypatch.setattr(probes, "_ping_mongo" if part == "mongodb" else "_write_redis", ping)
    monkeypatch.setattr(probes, "_write_redis" if part == "mongodb" else "_ping_mongo", _answers)
    answer = Client().get("/readyz")
    expected = {"status": "unavailable", "mongodb": "ok", "redis": "ok", part: "unavailable"}
    assert (answer.status_code, answer.json()) == (503, expected)


async def _answers() -> None:
    """A database that is there."""


@pytest.fixture
def _refusing(settings: Any) -> Iterator[None]:
    """A Redis that answers but takes no writes: it wants a replica, and there is none."""
    redis = sync_redis()
    redis.config_set("min-replicas-to-write", 1)
    yield
    redis.config_set("min-replicas-to-write", 0)


@pytest.mark.usefixtures("_refusing")
def test_it_is_not_ready_while_redis_refuses_writes() -> None:
    answer = Client().get("/readyz")
    refused = {"status": "unavailable", "mongodb": "ok", "redis": "unavailable"}
    assert (answer.status_code, answer.json()) == (503, refused)


@pytest.mark.usefixtures("_refusing")
def test_requests_meanwhile_are_told_to_come_back() -> None:
    body = {"account": "nobody", "password": "a password"}
    answer = Client().post("/api/v1/auth/login/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


class TestAnyHost:
    """Load balancers and Prometheus ask by address."""

    @pytest.fixture(autouse=True)
    def _real_host(self, settings: Any) -> None:
        settings.ALLOWED_HOSTS = ["chat.example.org"]
        settings.METRICS_TOKEN = "token-of-prometheus"

    @pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/v1/health/live/"])
    def test_probes_answer(self, path: str) -> None:
        assert Client().get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200

    def test_metrics_answer_who_has_the_token(self) -> None:
        headers = {"Host": "10.0.0.7:8000", "Authorization": "Bearer token-of-prometheus"}
        assert Client().get("/metrics", headers=headers).status_code == 200

    @pytest.mark.parametrize("path", ["/metrics", "/chat/", "/api/v1/rooms/"])
    def test_nothing_else_does(self, path: str) -> None:
        assert Client().get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 400
