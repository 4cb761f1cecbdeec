"""The data directory: what stays (databases, secrets, mail) and what a running `up` leaves in it.

mongodb/ valkey/ mail/ logs/
mongodb/password  the database's, from its first start on
valkey.conf     the password of Redis, a new one with each start
initialising    only until the embedded database was migrated for the first time
lock            held by the supervisor and by every part it started
secrets.json    made once: SECRET_KEY, JWT_SIGNING_KEY
endpoints.json  only while the system runs: MONGODB_URL, REDIS_URL (with passwords), EMAIL_URL
"""

import fcntl
import json
import os
import secrets
import shutil
import stat
import time
from pathlib import Path

from imsystem.embedded import UpError
from imsystem.embedded.protection import write_private
from imsystem.env import ENDPOINTS_FILE, SECRETS_FILE

# SecantusDB takes 0.3-4 s to close its files after the supervisor was killed.
LEFTOVER_WAIT_S = 15.0
INITIALISING = "initialising"


class DataDir:
    """One data directory, made when it is not there. Only its owner may read it."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("mongodb", "valkey", "mail", "logs"):
                (self.path / name).mkdir(mode=0o700, exist_ok=True)
                (self.path / name).chmod(0o700)  # one that was copied may be open to all
        except OSError as exc:
            raise UpError(f"Cannot use the data directory {self.path}: {exc.strerror}") from exc

    @property
    def others_may_write(self) -> bool:
        """Whether other accounts could put files of theirs in place of ours."""
        mode = self.path.stat().st_mode
        return bool(mode & (stat.S_IWGRP | stat.S_IWOTH))

    def lock(self) -> int:
        """Locks the directory and returns the lock's file descriptor.

        The parts inherit the descriptor: the lock is free when the last of them has ended, so
        that no second database ever opens the same files. Raises UpError when it is not.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LEFTOVER_WAIT_S
        while not _try_lock(descriptor):
            owner = int(os.pread(descriptor, 20, 0) or 0)
            if _runs(owner):
                raise UpError(f"{self.path} is in use by another `up` (process {owner}).")
            if time.monotonic() > deadline:
                raise UpError(f"{self.path} is in use by parts of a killed `up` (process {owner}).")
            time.sleep(0.1)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return descriptor

    def begin_initialisation(self) -> bool:
        """Marks a database that is made for the first time, until `end_initialisation`.

        A start that is cut off in between leaves half a database that never opens again. Nobody
        has used it, so what is there is removed. True when that was so.
        """
        marker, storage = self.path / INITIALISING, self.path / "mongodb"
        interrupted = marker.exists()
        if interrupted:
            shutil.rmtree(storage)
            storage.mkdir(mode=0o700)
        if not any(storage.iterdir()):
            marker.touch(mode=0o600)
        return interrupted

    @property
    def is_initialising(self) -> bool:
        return (self.path / INITIALISING).exists()

    def make_secrets(self) -> None:
        """Makes secrets.json unless it is there."""
        path = self.path / SECRETS_FILE
        if not path.exists():
            names = ("SECRET_KEY", "JWT_SIGNING_KEY")
            made = {name: secrets.token_urlsafe(48) for name in names}
            write_private(path, json.dumps(made, indent=2))

    def write_endpoints(self, endpoints: dict[str, str]) -> None:
        """Tells other commands (`createsuperuser`, `doctor`) where the embedded parts are."""
        write_private(self.path / ENDPOINTS_FILE, json.dumps(endpoints, indent=2))

    def remove_endpoints(self) -> None:
        (self.path / ENDPOINTS_FILE).unlink(missing_ok=True)

    def fresh_log(self, name: str) -> Path:
        """The path for a part's log; the log of the run before is kept beside it."""
        path = self.path / "logs" / f"{name}.log"
        if path.exists():
            path.replace(path.with_suffix(".log.1"))
        return path

    def fresh_metrics(self) -> Path:
        """An empty directory in which several workers share their metrics."""
        path = self.path / "metrics"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        return path


def end_initialisation(data_dir: Path) -> None:
    """Notes that the database is complete. To be called before anybody can write to it."""
    marker = data_dir / INITIALISING
    if not marker.exists():
        return
    marker.unlink()
    directory = os.open(data_dir, os.O_RDONLY)
    try:
        os.fsync(directory)  # after a power cut the marker must not be back
    finally:
        os.close(directory)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _runs(pid: int) -> bool:
    """True when the process exists (0: its number is not written yet, so it is just starting)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
