"""`manage.py up` from outside: real processes, real databases."""

import json
import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from imsystem.embedded.network import free_port
from imsystem.embedded.supervisor import BEGUN_ANEW, FEW_FILES_NOTE, NO_HOSTS
from tests.up import Up, eventually, manage, runs

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One system for the tests that leave it as it is."""
    with Up(tmp_path_factory.mktemp("up") / "data") as running:
        yield running


class TestRunning:
    def test_prints_a_line_for_each_part_and_the_url(self, up: Up) -> None:
        lines = up.output().splitlines()
        parts = [line.split()[0] for line in lines if line.startswith("  ")]
        assert parts == ["redis", "mongodb", "migrations", "web"]
        assert lines[0].startswith("embedded databases: for trial and small teams")

    def test_serves_pages_and_sockets(self, up: Up) -> None:
        assert httpx.get(f"{up.url}/healthz").json() == {"status": "ok"}
        ready = httpx.get(f"{up.url}/readyz").json()
        assert ready == {"status": "ok", "mongodb": "ok", "redis": "ok"}
        address = up.url.replace("http", "ws") + "/ws/"
        with connect(address, subprotocols=["im.v1"], compression=None) as chat:
            assert chat.subprotocol == "im.v1"

    def test_its_files_are_for_the_owner_only(self, up: Up) -> None:
        assert stat.S_IMODE(up.data_dir.stat().st_mode) == 0o700
        for name in ("secrets.json", "endpoints.json"):
            assert stat.S_IMODE((up.data_dir / name).stat().st_mode) == 0o600

    def test_databases_listen_on_loopback_only(self, up: Up) -> None:
        endpoints = json.loads((up.data_dir / "endpoints.json").read_text())
        assert "@127.0.0.1:" in endpoints["MONGODB_URL"]
        assert endpoints["MONGODB_URL"].endswith("&retryWrites=false")
        assert "@127.0.0.1:" in endpoints["REDIS_URL"]
        assert endpoints["EMAIL_URL"] == f"echomail://{up.data_dir}/mail"

    def test_web_workers_share_pools_of_memory(self, up: Up) -> None:
        """Unless the environment says otherwise."""
        environment = Path(f"/proc/{up.parts()['web']}/environ").read_bytes().split(b"\0")
        assert b"MALLOC_ARENA_MAX=2" in environment

    def test_another_terminal_finds_the_system(self, up: Up) -> None:
        found = manage("doctor", "--url", up.url, DATA_DIR=str(up.data_dir))
        assert found.returncode == 0, found.stdout
        assert "FAILED" not in found.stdout

    def test_a_second_up_in_the_same_directory_gets_one_line(self, up: Up) -> None:
        second = manage("up", "--port", "0", "--data-dir", str(up.data_dir))
        expected = f"{up.data_dir} is in use by another `up` (process {up.process.pid})."
        assert (second.returncode, second.stdout) == (1, f"error: {expected}\n")

    def test_a_taken_port_gets_one_line(self, up: Up, tmp_path: Path) -> None:
        port = up.url.rpartition(":")[2]
        second = manage("up", "--port", port, "--data-dir", str(tmp_path / "other"))
        assert second.returncode == 1
        assert (
            second.stdout
            == f"error: Port {port} is taken. Choose another: --port {int(port) + 1}\n"
        )


class TestFirstStart:
    def test_one_that_was_cut_off_begins_anew(self, tmp_path: Path) -> None:
        """Half a database, as a start leaves it that is killed while the files are made."""
        data_dir = tmp_path / "data"
        (data_dir / "mongodb").mkdir(parents=True)
        (data_dir / "mongodb" / "WiredTiger").write_text("half of it")
        (data_dir / "mongodb" / "WiredTiger.wt").write_bytes(b"")
        (data_dir / "initialising").touch()
        with Up(data_dir) as up:
            assert up.output().splitlines()[0] == BEGUN_ANEW
            assert not (data_dir / "initialising").exists()

    def test_answers_while_it_starts(self, tmp_path: Path) -> None:
        port = free_port()
        up = Up(tmp_path / "data", "--port", str(port))  # the last --port counts
        try:
            assert eventually(lambda: _status(port, "/healthz") == 200)
            assert _status(port, "/readyz") == 503
            assert _status(port, "/chat/") == 503
            up.wait_ready()
            assert _status(port, "/readyz") == 200
        finally:
            up.stop()

    def test_a_database_that_is_in_use_is_never_begun_anew(self, tmp_path: Path) -> None:
        data_dir = tmp_path / "data"
        for _start in range(2):
            with Up(data_dir) as up:
                assert BEGUN_ANEW not in up.output()
                assert not (data_dir / "initialising").exists()


class TestWarnings:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::"])
    def test_open_to_all_and_known_to_nobody(self, host: str, tmp_path: Path) -> None:
        with Up(tmp_path / "data", "--host", host) as up:
            assert up.output().splitlines()[0] == f"warning: {NO_HOSTS}"
            port = int(up.url.rpartition(":")[2])
            assert _status(port, "/healthz") == 200  # by IPv4 in any case

    def test_few_descriptors(self, tmp_path: Path) -> None:
        limited = ["sh", "-c", f'ulimit -n 1024; exec {sys.executable} manage.py up "$@"', "up"]
        with Up(tmp_path / "data", command=limited) as up:
            assert up.output().splitlines()[0] == f"warning: {FEW_FILES_NOTE.format(1024)}"


def test_data_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with Up(data_dir) as up:
        newer = (
            "from django.db.migrations.recorder import MigrationRecorder as R;"
            "from django.db import connection as c; R(c).record_applied('rooms', '9999_newer')"
        )
        assert manage("shell", "-c", newer, DATA_DIR=str(data_dir)).returncode == 0
        assert up.runs()
    refused = Up(data_dir)
    assert eventually(lambda: not refused.runs())
    line = (
        "error: The data was written by a newer version of IMSystem (rooms.9999_newer). "
        "Install that version, or restore a backup made by this one."
    )
    assert (refused.process.poll(), line in refused.output().splitlines()) == (1, True)


def _status(port: int, path: str) -> int:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10).status_code
    except httpx.TransportError:
        return 0


class TestRefusals:
    def test_an_unreachable_database_gets_one_line(self, tmp_path: Path) -> None:
        nobody = "mongodb://im:secret@127.0.0.1:9/"
        refused = manage(
            *("up", "--port", "0", "--data-dir", str(tmp_path)),
            MONGODB_URL=nobody,
            REDIS_URL="redis://127.0.0.1:9/0",
        )
        assert refused.returncode == 1
        assert "error: MongoDB does not answer (MONGODB_URL): 127.0.0.1:9:" in refused.stdout
        assert "Traceback" not in refused.stdout
        assert "secret" not in refused.stdout

    def test_a_refused_configuration_names_the_setting(self, up: Up, tmp_path: Path) -> None:
        endpoints = json.loads((up.data_dir / "endpoints.json").read_text())
        arguments = ("up", "--port", "0", "--data-dir", str(tmp_path))
        refused = manage(*arguments, ALLOWED_HOSTS="*", MONGODB_NAME="im_refused", **endpoints)
        assert refused.returncode == 1
        assert "ALLOWED_HOSTS is *." in refused.stdout


class TestEnds:
    def test_sigterm_stops_every_part(self, tmp_path: Path) -> None:
        with Up(tmp_path / "data", "--workers", "2") as up:
            parts = up.parts()
            assert "2 workers" in up.output()
            assert up.stop() == 0
        assert set(parts) == {"mongodb", "redis", "web"}
        assert not any(map(runs, parts.values()))
        assert not (tmp_path / "data" / "endpoints.json").exists()

    def test_the_death_of_a_part_stops_the_rest(self, tmp_path: Path) -> None:
        with Up(tmp_path / "data") as up:
            parts = up.parts()
            os.kill(parts["mongodb"], signal.SIGKILL)
            assert up.process.wait(30) == 1
        assert "error: mongodb was killed by SIGKILL. Its last lines" in up.output()
        assert "secantus listening on 127.0.0.1" in up.output()
        assert not any(map(runs, parts.values()))

    def test_a_killed_supervisor_leaves_nothing_behind(self, tmp_path: Path) -> None:
        """And the next start waits until the old database has closed its files, and resumes."""
        with Up(tmp_path / "data") as up:
            parts = up.parts()
            secrets = (up.data_dir / "secrets.json").read_bytes()
            up.stop(signal.SIGKILL)
        with Up(tmp_path / "data") as again:
            assert eventually(lambda: not any(map(runs, parts.values())))
            assert httpx.get(f"{again.url}/readyz").status_code == 200
            assert "up to date" in again.output()
            assert (again.data_dir / "secrets.json").read_bytes() == secrets
            assert again.stop(signal.SIGINT) == 0

    def test_a_signal_during_the_start_is_heard(self, tmp_path: Path) -> None:
        up = Up(tmp_path / "data")
        assert eventually(lambda: "mongodb" in up.output())
        parts = up.parts()
        assert up.stop() == 0
        assert not any(map(runs, parts.values()))
        assert "ready after" not in up.output()
