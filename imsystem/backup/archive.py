"""What a backup looks like on disk.

    manifest.json                       written last: without it a backup is not finished
    collections/message_basic.ndjson    one file for each collection, one line for each document
    files.ndjson                        one line for each file: {name, bytes, sha256}
    files/2026/11/ab12.webp             the files

The same as one .tar, which is read where it lies. Every name that comes out of an archive is
checked before a path is made of it, and nothing but regular files is read.
"""

import hashlib
import os
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import msgspec
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from imsystem.backup import BackupError
from imsystem.backup.progress import amount

PRODUCT = "IMSystem"
FORMAT = 1
MANIFEST = "manifest.json"
FILES = "files.ndjson"
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
CHUNK = 1024 * 1024

_COLLECTION = re.compile(r"[a-z][a-z0-9_]{0,99}")
# Created by `migrate`, and by a restore itself: never taken from an archive.
NEVER_RESTORED = frozenset({"django_migrations", "restore_state"})
_MAX_NAME_BYTES = 1024


class Part(msgspec.Struct, frozen=True):
    """A file with one line for each document of a collection, or for each of the files."""

    name: str
    documents: int
    bytes: int
    sha256: str


class File(msgspec.Struct, frozen=True):
    """A line of files.ndjson."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds. Times in Unix milliseconds.

    `migrations`: what had been applied ([app, name]). `key_check` tells whether SECRET_KEY is still
    the same, without revealing the key. `checksum` is over all other fields.
    """

    format: int
    identity: str
    product: str
    version: str
    started_at: int
    finished_at: int
    migrations: list[tuple[str, str]]
    key_check: str
    parts: list[Part]
    files: Part
    checksum: str = ""

    def sealed(self) -> "Manifest":
        """Returns the same with its checksum."""
        bare = msgspec.structs.replace(self, checksum="")
        digest = hashlib.sha256(msgspec.json.encode(bare)).hexdigest()
        return msgspec.structs.replace(self, checksum=digest)


class Archive(Protocol):
    """A finished backup, to be read."""

    def open(self, name: str) -> IO[bytes]:
        """Returns the file `name` (a checked one). Raises BackupError when it does not exist."""
        ...

    def close(self) -> None: ...


class _Directory:
    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def open(self, name: str) -> IO[bytes]:
        path = self._root / name
        if not path.is_file() or path.resolve() != path:  # a link may lead anywhere
            raise BackupError(_("%(name)s is not in the backup.") % {"name": name})
        return path.open("rb")

    def close(self) -> None: ...


class _Tar:
    def __init__(self, path: Path) -> None:
        try:
            self._tar = tarfile.open(path, "r:")  # noqa: SIM115 -- close() closes it
            self._members = {member.name: member for member in self._tar if member.isreg()}
        except tarfile.TarError as exc:
            text = _("%(name)s is not a readable tar file.") % {"name": path.name}
            raise BackupError(text) from exc

    def open(self, name: str) -> IO[bytes]:
        member = self._members.get(name)
        found = self._tar.extractfile(member) if member else None
        if found is None:
            raise BackupError(_("%(name)s is not in the backup.") % {"name": name})
        return found

    def close(self) -> None:
        self._tar.close()


@contextmanager
def opened(place: Path) -> Iterator[Archive]:
    """Returns the archive at a directory or tar file. Raises BackupError."""
    if not place.exists():
        raise BackupError(_("There is no backup at %(place)s.") % {"place": place})
    archive: Archive = _Directory(place) if place.is_dir() else _Tar(place)
    try:
        yield archive
    finally:
        archive.close()


def read_manifest(archive: Archive) -> Manifest:
    """Returns the manifest. Raises BackupError when it is missing, damaged, or of another
    format."""
    try:
        with archive.open(MANIFEST) as file:
            content = file.read(MAX_MANIFEST_BYTES)
    except BackupError:
        raise BackupError(
            _("This backup is not finished: it has no manifest. Run the backup again to finish it.")
        ) from None
    try:
        found = msgspec.json.decode(content)["format"]
        if found == FORMAT:
            manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, KeyError, TypeError) as exc:
        raise BackupError(_("The manifest is damaged: %(error)s") % {"error": exc}) from exc
    if found != FORMAT or manifest.product != PRODUCT:
        text = _("This backup has format %(found)s; this version of IMSystem reads %(ours)s.")
        raise BackupError(text % {"found": found, "ours": FORMAT})
    if manifest.sealed() != manifest:
        raise BackupError(_("The manifest is damaged: its checksum is wrong."))
    for part in manifest.parts:
        part_path(part.name)
    return manifest


def part_path(collection: str) -> str:
    """Returns where a collection's file lies. Raises BackupError for a name that is not a
    collection's."""
    if not _COLLECTION.fullmatch(collection) or collection in NEVER_RESTORED:
        raise BackupError(
            _("The backup contains an unexpected collection, %(name)r.") % {"name": collection}
        )
    return f"collections/{collection}.ndjson"


def file_path(name: str) -> str:
    """Returns where a file lies. Raises BackupError for a name that could lead anywhere else."""
    parts = name.split("/")
    bad = any(part in ("", ".", "..") for part in parts) or not name.isprintable()
    if bad or "\\" in name or ":" in name or len(name.encode()) > _MAX_NAME_BYTES:
        raise BackupError(_("The backup contains an unexpected file, %(name)r.") % {"name": name})
    return f"files/{name}"


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def key_check() -> str:
    """Tells one SECRET_KEY from another: 64 bits of an HMAC with it."""
    return salted_hmac("imsystem.backup", "key", algorithm="sha256").hexdigest()[:16]


def private(path: Path, flags: int) -> IO[bytes]:
    """Opens a file for writing that only its owner may read; follows no link."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "r+b" if flags & os.O_RDWR else "wb")


def whole_amount(manifest: Manifest) -> str:
    """Returns the number of documents and the size of all collections."""
    parts = manifest.parts
    return amount(sum(part.documents for part in parts), sum(part.bytes for part in parts))
