"""Real processes that are killed while they run jobs, and a Redis that is emptied."""

import subprocess
import sys
from pathlib import Path

from imsystem.jobs.models import Job
from imsystem.redis import sync_redis
from tests.imsystem.jobs.kinds import append_line
from tests.up import ROOT, eventually

JOBS = 24


def start() -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.imsystem.jobs.worker"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as output:
        assert output.readline().startswith("ready")
    return process


def lines(path: Path, word: str) -> list[str]:
    text = path.read_text(encoding="ascii") if path.exists() else ""
    return [line.split()[1] for line in text.splitlines() if line.startswith(word)]


def test_after_kill_9_and_an_empty_redis_every_job_has_run(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for number in range(JOBS):
        append_line.enqueue(str(path), str(number), 0.2)
    first = start()
    assert eventually(lambda: len(lines(path, "begin")) > 5)
    first.kill()
    first.wait(10)
    begun = set(lines(path, "begin")) - set(lines(path, "end"))
    assert begun  # it died with jobs under way
    sync_redis().flushall()
    second = start()
    try:
        assert eventually(lambda: len(set(lines(path, "end"))) == JOBS)
        assert eventually(lambda: not Job.objects.exists())
    finally:
        second.terminate()
        assert second.wait(15) == 0
    # What the first process had begun, and only that, ran twice.
    assert {line for line in begun if lines(path, "begin").count(line) > 1} == begun


def test_sigterm_lets_running_jobs_finish(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for number in range(JOBS):
        append_line.enqueue(str(path), str(number), 0.3)
    process = start()
    assert eventually(lambda: len(lines(path, "begin")) > 5)
    process.terminate()
    assert process.wait(15) == 0
    assert sorted(lines(path, "begin")) == sorted(lines(path, "end"))
    assert Job.objects.count() == JOBS - len(lines(path, "end"))
