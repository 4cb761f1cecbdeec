"""The unit for systemd, and the rule for logrotate."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from imsystem.embedded.supervisor import DATABASE_STOP_S, WEB_STOP_S
from imsystem.management.commands.up import Command
from tests.deploy.conftest import DEPLOY

UNIT = DEPLOY / "systemd" / "imsystem.service"


def test_systemd_takes_the_unit(program: Callable[[str], str], tmp_path: Path) -> None:
    unit = tmp_path / "imsystem.service"
    unit.write_text(UNIT.read_text().replace("/opt/imsystem/.venv/bin/python", sys.executable))
    checked = subprocess.run(
        [program("systemd-analyze"), "verify", unit], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_command_exists() -> None:
    [line] = re.findall(r"^ExecStart=\S+ manage.py up (.*)$", UNIT.read_text(), re.MULTILINE)
    options = Command().create_parser("manage.py", "up").parse_args(line.split())
    assert (options.host, options.port) == ("127.0.0.1", 8_000)


def test_it_may_take_as_long_as_it_does_to_stop() -> None:
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    assert float(seconds) > WEB_STOP_S + 2 * DATABASE_STOP_S


def test_logrotate_takes_the_rule(program: Callable[[str], str], tmp_path: Path) -> None:
    rule = tmp_path / "imsystem"
    rule.write_text((DEPLOY / "logrotate" / "imsystem").read_text())
    rule.chmod(0o644)
    checked = subprocess.run(
        [program("logrotate"), "-d", rule], capture_output=True, text=True, check=False
    )
    assert "error" not in checked.stderr
