"""A few seconds of `make fuzz`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.up import ROOT, clean_environment

pytest.importorskip("atheris", reason="atheris has wheels for Linux on x86-64 only")


def test_nothing_is_found_in_three_seconds(tmp_path: Path) -> None:
    options = ("--seconds", "3", "-seed=1", f"-artifact_prefix={tmp_path}/")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.frames", *options],
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-3_000:]
    [runs] = re.findall(r"Done (\d+) runs", ended.stdout)
    assert int(runs) > 1_000
