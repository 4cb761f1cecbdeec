"""The passwords of the embedded databases, whose ports every account of this machine reaches.

SecantusDB makes its first user only while it asks nobody for a password. So a new database is
started twice, and the first worker looks whether somebody else came in between (prepare.py). The
password lies beside the files it protects: whoever copies or removes them has both or none.
"""

import os
import secrets
import struct
from pathlib import Path
from typing import Any

from imsystem.embedded import UpError, network

MONGODB_USER = "imsystem"
PASSWORD_FILE = "password"  # noqa: S105 -- the file's name
_ROLES = [{"role": "root", "db": "admin"}]
_USER_EXISTS = 51003
# Before the document in an answer of MongoDB: a header of 16 bytes, flags, the section's kind.
_BEFORE_DOCUMENT = 21


def new_password() -> str:
    """Returns characters that need no escaping in a URL or a configuration file."""
    return secrets.token_urlsafe(32)


def read_password(storage: Path) -> str:
    """Returns the password of the database in `storage`; "" when it has none yet."""
    try:
        return (storage / PASSWORD_FILE).read_text(encoding="ascii")
    except FileNotFoundError:
        return ""


def keep_password(storage: Path, password: str) -> None:
    """Stores it. Only to be called when the database knows the password."""
    write_private(storage / PASSWORD_FILE, password)


def make_user(port: int, password: str) -> None:
    """Gives the database, which asks for no password now, its user. Raises UpError."""
    answer = _run(port, {"createUser": MONGODB_USER, "pwd": password, "roles": _ROLES})
    if answer.get("code") == _USER_EXISTS:  # its password file was lost, or never written
        answer = _run(port, {"updateUser": MONGODB_USER, "pwd": password, "roles": _ROLES})
    if answer.get("ok") != 1:
        raise UpError(f"The embedded MongoDB took no password (code {answer.get('code')}).")


def _run(port: int, command: dict[str, Any]) -> dict[str, Any]:
    """Runs a command on the database `admin`; an empty answer when there was none."""
    import bson  # costs every other start 30 ms

    body = struct.pack("<IB", 0, 0) + bson.encode(command | {"$db": "admin"})
    answer = network.ask(port, struct.pack("<iiii", len(body) + 16, 1, 0, 2013) + body)
    return bson.decode(answer[_BEFORE_DOCUMENT:]) if len(answer) > _BEFORE_DOCUMENT else {}


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read; readers see all of it or nothing."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # what is made once must not be lost
    draft.replace(path)
