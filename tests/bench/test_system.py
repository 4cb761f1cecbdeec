"""The benchmark's own Django must find the system it has started, whenever it was imported."""

import json
from pathlib import Path

from bench.system import left_by_up


def test_databases_and_secrets_of_a_running_system(tmp_path: Path) -> None:
    secrets = {"SECRET_KEY": "s", "JWT_SIGNING_KEY": "j"}
    endpoints = {"MONGODB_URL": "mongodb://127.0.0.1:1/", "REDIS_URL": "redis://127.0.0.1:2/0"}
    (tmp_path / "secrets.json").write_text(json.dumps(secrets))
    (tmp_path / "endpoints.json").write_text(json.dumps(endpoints))
    assert left_by_up(tmp_path) == secrets | endpoints
