"""/healthz and /readyz, also under /api/v1/health/."""

import asyncio

import pytest
from django.test import Client

from imsystem.ops import health


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

    monkeypatch.setattr(health, "CHECK_TIMEOUT_S", 0.01)
    monkeypatch.setattr(health, "_ping_mongo" if part == "mongodb" else "_ping_redis", ping)
    monkeypatch.setattr(health, "_ping_redis" if part == "mongodb" else "_ping_mongo", _answers)
    answer = Client().get("/readyz")
    expected = {"status": "unavailable", "mongodb": "ok", "redis": "ok", part: "unavailable"}
    assert (answer.status_code, answer.json()) == (503, expected)


async def _answers() -> None:
    """A database that is there."""
