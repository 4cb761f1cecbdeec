"""The parts of `up`, one by one."""

import asyncio
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from imsystem.embedded import UpError, datadir, network, web
from imsystem.embedded.children import LAUNCH, Child, mongodb_command, stop_all, valkey_command
from imsystem.embedded.datadir import DataDir
from imsystem.embedded.probe import first_host, main
from imsystem.embedded.supervisor import is_set
from imsystem.embedded.web import Server
from tests.up import eventually


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


class TestDataDir:
    def test_secrets_are_made_once(self, tmp_path: Path) -> None:
        DataDir(tmp_path).make_secrets()
        made = (tmp_path / "secrets.json").read_bytes()
        DataDir(tmp_path).make_secrets()
        assert (tmp_path / "secrets.json").read_bytes() == made
        assert len(made) > 2 * 64

    def test_a_living_owner_keeps_the_lock(self, tmp_path: Path) -> None:
        lock = DataDir(tmp_path).lock()
        with pytest.raises(UpError, match=f"in use by another `up` \\(process {os.getpid()}\\)"):
            DataDir(tmp_path).lock()
        os.close(lock)

    def test_the_parts_of_a_dead_owner_are_waited_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock = DataDir(tmp_path).lock()
        child = subprocess.Popen(python("import time; time.sleep(60)"), pass_fds=[lock])
        os.close(lock)
        (tmp_path / "lock").write_text("4194305")  # beyond the highest process number of Linux
        monkeypatch.setattr(datadir, "LEFTOVER_WAIT_S", 0.2)
        with pytest.raises(UpError, match="in use by parts of a killed `up`"):
            DataDir(tmp_path).lock()
        child.kill()
        child.wait()
        os.close(DataDir(tmp_path).lock())

    def test_a_directory_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(UpError, match="Cannot use the data directory"):
            DataDir(tmp_path / "file")

    def test_the_log_of_the_run_before_is_kept(self, tmp_path: Path) -> None:
        data = DataDir(tmp_path)
        data.fresh_log("mongodb").write_text("yesterday")
        assert not data.fresh_log("mongodb").exists()
        assert (tmp_path / "logs" / "mongodb.log.1").read_text() == "yesterday"


class TestNetwork:
    def test_a_free_port_can_be_bound(self) -> None:
        with socket.create_server((network.LOOPBACK, network.free_port())):
            pass

    def test_a_taken_port(self) -> None:
        with network.listen(network.LOOPBACK, 0) as first:
            port = first.getsockname()[1]
            with pytest.raises(UpError, match=f"Port {port} is taken"):
                network.listen(network.LOOPBACK, port)

    def test_an_address_of_another_machine(self) -> None:
        with pytest.raises(UpError, match=r"Cannot listen on 203\.0\.113\.9, port 8000: "):
            network.listen("203.0.113.9", 8000)

    @pytest.mark.parametrize("ping", [network.mongodb_answers, network.redis_answers])
    def test_a_server_that_says_nothing_is_not_ready(
        self, ping: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(network, "PING_TIMEOUT_S", 0.1)
        assert not ping(network.free_port())
        with network.listen(network.LOOPBACK, 0) as silent:
            assert not ping(silent.getsockname()[1])

    @pytest.mark.parametrize(
        ("host", "url"),
        [
            ("127.0.0.1", "http://127.0.0.1:80/"),
            ("0.0.0.0", "http://localhost:80/"),
            ("::1", "http://[::1]:80/"),
        ],
    )
    def test_the_url_to_open(self, host: str, url: str) -> None:
        assert network.web_url(host, 80) == url

    def test_the_address_one_listens_on_is_allowed(self) -> None:
        assert network.allowed_hosts("192.0.2.7")[-1] == "192.0.2.7"
        assert network.allowed_hosts("2001:db8::7")[-1] == "[2001:db8::7]"
        assert network.allowed_hosts("0.0.0.0") == ["localhost", "127.0.0.1", "[::1]"]


class TestChild:
    def test_its_end_is_told_with_its_last_lines(self, tmp_path: Path) -> None:
        code = "for i in range(20): print(i)\nraise SystemExit(3)"
        child = Child("part", python(code), log=tmp_path / "part.log")
        assert child.wait(10)
        lines = child.obituary().splitlines()
        assert lines[0] == f"part ended, code 3. Its last lines ({tmp_path}/part.log):"
        assert [line.strip() for line in lines[1:]] == [str(i) for i in range(10, 20)]

    def test_one_that_does_not_hear_is_killed(self) -> None:
        deaf = "import signal, time; signal.signal(15, signal.SIG_IGN)"
        child = Child("deaf", python(f"{deaf}; open(0, 'wb').write(b'r'); time.sleep(60)"))
        assert eventually(child.is_ready)
        assert stop_all([child], 0.2) == ["deaf"]
        assert child.obituary() == "deaf was killed by SIGKILL."

    def test_a_stopped_process_is_killed_too(self) -> None:
        handler = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit())"
        child = Child("asleep", python(f"{handler}; open(0, 'wb').write(b'r'); time.sleep(60)"))
        assert eventually(child.is_ready)
        os.kill(child.process.pid, signal.SIGSTOP)
        assert stop_all([child], 0.2) == ["asleep"]
        assert not child.runs()

    def test_it_does_not_start_without_its_supervisor(self) -> None:
        """The supervisor may end before the child has asked to be told of it."""
        command = [sys.executable, "-I", "-S", str(LAUNCH), "1", sys.executable, "-c", "print(1)"]
        ended = subprocess.run(command, capture_output=True, check=False)
        assert (ended.returncode, ended.stdout) == (1, b"")


class TestCommands:
    def test_the_databases_are_installed_for_the_tests(self, tmp_path: Path) -> None:
        assert "--sync-on-commit" in mongodb_command(tmp_path / "mongodb", 1)
        assert os.access(valkey_command(tmp_path, 1)[0], os.X_OK)

    def test_without_the_extra_it_says_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(UpError, match=r"requirements-local\.lock\) or set MONGODB_URL"):
            mongodb_command(tmp_path / "mongodb", 1)
        with pytest.raises(UpError, match=r"requirements-local\.lock\) or set REDIS_URL"):
            valkey_command(tmp_path, 1)

    def test_the_gpl_database_is_never_imported(self) -> None:
        """NOTICE promises it: SecantusDB is a process of its own."""
        packages = ("imsystem", "accounts", "rooms", "chat")
        sources = [path for package in packages for path in Path(package).rglob("*.py")]
        assert sources
        offenders = [
            path
            for path in sources
            if any(
                line.strip().startswith(("import secantus", "from secantus"))
                for line in path.read_text(encoding="utf-8").splitlines()
            )
        ]
        assert not offenders


class TestProbe:
    def test_it_uses_a_name_that_is_allowed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALLOWED_HOSTS", ".example.org,localhost")
        assert first_host() == "example.org"
        monkeypatch.delenv("ALLOWED_HOSTS")
        assert first_host() == "localhost"

    def test_no_server_is_unhealthy(self) -> None:
        assert main(network.free_port()) == 1


def test_secrets_in_files_count_as_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a name of its own: what was once read of a file is kept for the process."""
    assert not is_set("SECRET_OF_THIS_TEST")
    (tmp_path / "secret").write_text("mongodb://db/")
    monkeypatch.setenv("SECRET_OF_THIS_TEST_FILE", str(tmp_path / "secret"))
    assert is_set("SECRET_OF_THIS_TEST")


class TestServer:
    async def test_it_drains_before_it_hangs_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No new connections, then the sockets in peace, then what is left."""
        steps: list[str] = []

        class Listener:
            def close(self) -> None:
                steps.append("no new ones")

        class Leaving:
            """A client that takes a moment to answer the close frame."""

            close_sent = True

        async def drain() -> None:
            steps.append("drained")

        async def hang_up(server: uvicorn.Server, sockets: Any = None) -> None:
            steps.append(f"hung up on {len(server.server_state.connections)}")

        monkeypatch.setattr("imsystem.embedded.web.drain", drain)
        monkeypatch.setattr(uvicorn.Server, "shutdown", hang_up)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            server = Server(uvicorn.Config("nothing:here"), ours)
            server.servers = [Listener()]  # type: ignore[list-item]
            leaving: Any = Leaving()
            server.server_state.connections.add(leaving)
            asyncio.get_running_loop().call_later(0.1, server.server_state.connections.clear)
            await server.shutdown()
            assert steps == ["no new ones", "drained", "hung up on 0"]
            server.server_state.connections.add(leaving)
            monkeypatch.setattr(web, "CLOSED_WITHIN_S", 0.1)
            await server.shutdown()
        assert steps[3:] == ["no new ones", "drained", "hung up on 1"]
