"""/metrics: who may read it, and that what happens is counted."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from accounts.models import User
from tests.conftest import Cast, new_user
from tests.sockets import socket_of

TOKEN = "metrics-token-of-the-tests"
STAGES = ("decode", "gate", "wait", "counter", "insert", "ack", "fan_out")


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def stages() -> dict[str, float]:
    return {stage: value("imsystem_message_stage_seconds_count", stage=stage) for stage in STAGES}


def get(**headers: str) -> Any:
    return Client().get("/metrics", headers=headers)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="accounts.backends.AccountBackend")
    return client


def test_strangers_are_not_told() -> None:
    answer = get()
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_members_find_nothing(cast: Cast) -> None:
    assert signed_in(cast.owner).get("/metrics").status_code == 404


def test_staff_may_read_it() -> None:
    staff = new_user("staff")
    User.objects.filter(pk=staff.pk).update(is_staff=True)
    answer = signed_in(User.objects.get(pk=staff.pk)).get("/metrics")
    assert answer.status_code == 200
    assert b"imsystem_message_stage_seconds_bucket" in answer.content


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", TOKEN, f"Basic {TOKEN}", "Bearer Ä"])
def test_only_the_very_token_opens_it(header: str, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert get(Authorization=header).status_code == 401
    assert get(Authorization=f"Bearer {TOKEN}").status_code == 200


def test_without_a_token_an_empty_one_opens_nothing(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert get(Authorization="Bearer ").status_code == 401


async def test_every_stage_of_a_message_is_timed(cast: Cast) -> None:
    async with socket_of(cast.owner) as sender, socket_of(cast.member) as receiver:
        before = stages()
        stored, delivered = (
            value("imsystem_messages_stored_total"),
            value("imsystem_deliveries_total"),
        )
        await sender.ask("message.send", room_identity=cast.room.pk, client_id="c", data="hi")
        await receiver.hear_until("message.created")
        assert value("imsystem_sockets") >= 2
        assert value("imsystem_messages_stored_total") == stored + 1
        assert value("imsystem_deliveries_total") >= delivered + 2
        after = stages()
    assert {stage for stage in STAGES if after[stage] > before[stage]} == set(STAGES)


async def test_a_refused_command_is_counted_by_its_code(cast: Cast) -> None:
    before = value("imsystem_command_errors_total", code="not_found")
    async with socket_of(cast.outsider) as socket:
        await socket.ask("message.send", room_identity=cast.room.pk, client_id="c", data="hi")
    assert value("imsystem_command_errors_total", code="not_found") == before + 1


def test_requests_are_counted_by_route_not_by_address(cast: Cast) -> None:
    signed_in(cast.owner).get(f"/chat/{cast.room.pk}/")
    Client().generic("BREW", "/healthz")
    text = get().content  # 401: the registry is read here instead
    assert b"chat" not in text
    seen = [
        sample.labels
        for metric in REGISTRY.collect()
        if metric.name == "imsystem_http_request_seconds"
        for sample in metric.samples
    ]
    assert {"GET", "other"} <= {labels["method"] for labels in seen}
    assert "BREW" not in {labels["method"] for labels in seen}
    assert not [labels for labels in seen if cast.room.pk in labels["route"]]


def test_several_workers_are_told_as_one(tmp_path: Path) -> None:
    code = (
        "import django; django.setup(); from imsystem.ops import metrics;"
        "from imsystem.health.exposition import exposition;"
        "metrics.stored(3); metrics.sockets.inc();"
        "import sys; sys.stdout.write(exposition().decode()) if len(sys.argv) > 1 else 0"
    )
    environment = os.environ | {
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "imsystem.settings",
    }
    for arguments in ([], ["tell"]):
        output = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=environment, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    assert "imsystem_messages_stored_total 6.0" in output
    assert "imsystem_sockets 1.0" in output  # the first has ended
