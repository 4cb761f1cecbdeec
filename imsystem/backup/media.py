"""The files beside the collections: everything under settings.MEDIA_ROOT, if there is one.

They are copied after the collections, so that the file of every message in the backup is present.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec
from django.conf import settings
from django.utils.translation import gettext as _

from imsystem.backup import BackupError
from imsystem.backup.archive import File, chunks, file_path, private


def root() -> Path | None:
    """Returns where files are kept; None while the product keeps none."""
    return Path(settings.MEDIA_ROOT).resolve() if settings.MEDIA_ROOT else None


def names(top: Path | None) -> set[str]:
    """Returns the names of all regular files; links are ignored."""
    if top is None:
        return set()
    found = (Path(directory, name) for directory, _names, files in os.walk(top) for name in files)
    regular = (path for path in found if path.is_file() and not path.is_symlink())
    return {path.relative_to(top).as_posix() for path in regular}


def listed(line: bytes) -> File:
    """Returns a line of the list. Raises BackupError for anything else, or a name that is
    refused."""
    try:
        found = msgspec.json.decode(line, type=File)
    except msgspec.DecodeError as exc:
        raise BackupError(_("The list of files is damaged: %(error)s") % {"error": exc}) from exc
    file_path(found.name)
    return found


def copy(top: Path, name: str, work: Path) -> bytes:
    """Copies a file into a backup and returns its line of the list, b"" when it has disappeared
    since."""
    target = work / file_path(name)
    _make_directories(work, target.parent)
    try:
        with (
            (top / name).open("rb") as source,
            private(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file,
        ):
            digest, count = _transfer(source, file)
    except FileNotFoundError:
        return b""
    return msgspec.json.encode(File(name, count, digest)) + b"\n"


def put_back(top: Path, entry: File, source: IO[bytes]) -> None:
    """Writes a file from a backup to its place; whole or not at all."""
    target = top / entry.name
    if target.is_file() and target.stat().st_size == entry.bytes:
        with target.open("rb") as present:
            if hashlib.file_digest(present, "sha256").hexdigest() == entry.sha256:
                return
    _make_directories(top, target.parent)
    draft = target.with_name(f"{target.name}.restoring")
    with private(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:
        _transfer(source, file)
    draft.replace(target)


def _make_directories(top: Path, directory: Path) -> None:
    """Makes a directory below `top`. Raises BackupError when a link leads out of it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not directory.resolve().is_relative_to(top.resolve()):
        raise BackupError(_("%(path)s points outside its directory.") % {"path": directory})


def _transfer(source: IO[bytes], target: IO[bytes]) -> tuple[str, int]:
    digest, count = hashlib.sha256(), 0
    for chunk in chunks(source):
        target.write(chunk)
        digest.update(chunk)
        count += len(chunk)
    target.flush()
    os.fsync(target.fileno())
    return digest.hexdigest(), count


def files_of(lines: IO[bytes]) -> Iterator[File]:
    for line in lines:
        yield listed(line)
