"""Locks, container files, .env.example: what no other test would notice."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from imsystem.embedded.children import valkey_command
from imsystem.embedded.network import free_port, redis_answers
from tests.up import eventually

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-local.lock", "requirements-dev.lock")
TOOLS = "requirements-safe.lock"
PINNED = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)", re.MULTILINE)


def pins(name: str) -> set[tuple[str, str]]:
    return set(PINNED.findall((ROOT / name).read_text()))


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!; ]", line)[0].lower() for line in requirements}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


class TestLocks:
    def test_every_dependency_is_locked(self, project: dict[str, Any]) -> None:
        """After a change in pyproject.toml: make lock."""
        runtime = names(project["project"]["dependencies"])
        local = names(project["project"]["optional-dependencies"]["local"])
        groups = project["dependency-groups"]
        development = names(groups["test"]) | names(groups["lint"])
        wanted = (runtime, runtime | local, runtime | local | development)
        for lock, required in zip(LOCKS, wanted, strict=True):
            assert required <= {name for name, _ in pins(lock)}, lock

    def test_each_lock_holds_the_one_before(self) -> None:
        """So that `make setup` also counts as the installation that `make run` needs."""
        assert pins(LOCKS[0]) < pins(LOCKS[1]) < pins(LOCKS[2])

    def test_the_gpl_database_is_in_no_container(self) -> None:
        assert "secantusdb" not in {name for name, _ in pins("requirements.lock")}

    def test_the_security_tools_are_locked(self, project: dict[str, Any]) -> None:
        required = names(project["dependency-groups"]["security"])
        assert required <= {name for name, _ in pins(TOOLS)}

    @pytest.mark.parametrize("lock", [*LOCKS, TOOLS])
    def test_nothing_but_pins_and_hashes(self, lock: str) -> None:
        for line in (ROOT / lock).read_text().splitlines():
            assert PINNED.match(line) or line.startswith("    --hash=sha256:"), line


class TestCompose:
    def test_no_password_has_a_default(self, compose: dict[str, Any]) -> None:
        text = (ROOT / "docker-compose.yml").read_text()
        mongodb = ("MONGODB_PASSWORD", "MONGODB_ROOT_PASSWORD")
        for name in (*mongodb, "REDIS_PASSWORD", "SECRET_KEY", "JWT_SIGNING_KEY"):
            uses = re.findall(rf"\$\{{{name}[^}}]*\}}", text)
            assert uses
            assert all(use.startswith(f"${{{name}:?") for use in uses)

    def test_only_the_web_port_is_published(self, compose: dict[str, Any]) -> None:
        assert [name for name, it in compose["services"].items() if "ports" in it] == ["web"]

    def test_the_web_part_waits_for_healthy_databases(self, compose: dict[str, Any]) -> None:
        services = compose["services"]
        healthy = {"condition": "service_healthy"}
        assert services["web"]["depends_on"] == {"mongo": healthy, "redis": healthy}
        assert all("healthcheck" in service for service in services.values())
        assert all(service["restart"] == "unless-stopped" for service in services.values())

    def test_the_web_part_gets_every_setting(self, compose: dict[str, Any]) -> None:
        known = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
        of_others = {
            "MONGODB_PASSWORD",
            "MONGODB_ROOT_PASSWORD",
            "REDIS_PASSWORD",
            "WEB_BIND",
            "WEB_PORT",
        }
        in_the_image = {"DATA_DIR"}
        never_in_production = {"DEBUG", "FAILPOINTS"}
        given = set(compose["services"]["web"]["environment"])
        assert given == known - of_others - in_the_image - never_in_production

    def test_versions_are_named_in_full(self, compose: dict[str, Any]) -> None:
        images = [service["image"] for service in compose["services"].values()]
        images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        assert [image for image in images if not re.search(r":\d+\.\d+\.\d+", image)] == []

    def test_logs_end_somewhere(self, compose: dict[str, Any]) -> None:
        for service in compose["services"].values():
            assert {"max-size", "max-file"} <= set(service["logging"]["options"])

    def test_the_web_part_is_not_root_in_mongodb(self, compose: dict[str, Any]) -> None:
        mongo, web = compose["services"]["mongo"], compose["services"]["web"]
        root = mongo["environment"]["MONGO_INITDB_ROOT_USERNAME"]
        assert not web["environment"]["MONGODB_URL"].startswith(f"mongodb://{root}:")
        script = mongo["healthcheck"]["test"][-1]
        assert re.findall(r"role: \"(\w+)\", db: (\w+)", script) == [("readWrite", "name")]

    def test_no_password_is_in_a_command_line(
        self, compose: dict[str, Any], tmp_path: Path
    ) -> None:
        """As Redis' container starts it, with the Redis there is."""
        port, server = free_port(), valkey_command(tmp_path / "valkey", 1)[0]
        entrypoint = tmp_path / "docker-entrypoint.sh"
        entrypoint.write_text(f'#!/bin/sh\nshift\nexec {server} "$@" --port {port}\n')
        entrypoint.chmod(0o755)
        command = [part.replace("$$", "$") for part in compose["services"]["redis"]["command"]]
        variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDISCLI_AUTH": "Secret99"}
        with subprocess.Popen(command, env=variables, cwd=tmp_path) as process:
            try:
                assert eventually(lambda: redis_answers(port))
                told = Path(f"/proc/{process.pid}/cmdline").read_text()
                assert ("valkey-server" in told, "Secret99" in told) == (True, False)
                with redis.Redis(port=port, password="Secret99") as client:
                    assert client.config_get("appendonly") == {"appendonly": "yes"}
                with redis.Redis(port=port) as client, pytest.raises(redis.AuthenticationError):
                    client.keys()
            finally:
                process.terminate()

    def test_what_is_used_is_declared(self, compose: dict[str, Any]) -> None:
        for service in compose["services"].values():
            volumes = {volume.split(":")[0] for volume in service.get("volumes", [])}
            assert volumes <= set(compose["volumes"])
            assert set(service["networks"]) <= set(compose["networks"])


class TestEnvironment:
    def test_the_example_names_every_variable(self) -> None:
        read = set()
        for file in ("settings.py", "env.py", "management/commands/up.py"):
            text = (ROOT / "imsystem" / file).read_text()
            read |= set(re.findall(r'(?:env\.\w+|setting)\(\s*"([A-Z_]+)"', text))
        read |= set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
        example = (ROOT / ".env.example").read_text()
        assert {name for name in read if f"\n#{name}=" not in example} == set()

    def test_the_example_sets_nothing(self) -> None:
        """A copy of it must change nothing."""
        lines = (ROOT / ".env.example").read_text().splitlines()
        assert all(not line or line.startswith("#") for line in lines)
