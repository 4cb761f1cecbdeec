"""Writes an archive while the system runs, and continues one that was interrupted.

Each part is one file that only grows. Every two seconds it is flushed to disk and `state.json`
notes its length and checksum; a run that continues checks what is there, cuts the rest off, and has
the part's reader continue after its last document, or begin the part again if it cannot.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from imsystem.backup import BackupError, lines, media
from imsystem.backup.archive import (
    FILES,
    FORMAT,
    MANIFEST,
    PRODUCT,
    Manifest,
    Part,
    key_check,
    part_path,
    private,
)
from imsystem.backup.plan import Reader, make_readers
from imsystem.backup.progress import Progress, amount
from imsystem.backup.target import Target
from imsystem.clock import now_ms
from imsystem.ids import new_identity
from imsystem.mongo.clients import Document, collection, mongo_client

STATE = "state.json"
LOCK = "lock"
CHECKPOINT_S = 2.0


class State(msgspec.Struct, kw_only=True):
    """How far a backup is: finished parts, and the checked beginning of the one being written."""

    format: int
    identity: str
    started_at: int
    migrations: list[tuple[str, str]]
    done: dict[str, Part]
    current: Part | None = None


class PartFile:
    """A part being written. `begin`: what a former run has left of it; the rest is cut off."""

    def __init__(self, path: Path, name: str, begin: Part | None) -> None:
        self._begin = begin or Part(name, 0, 0, hashlib.sha256().hexdigest())
        self._name = name
        self._file = private(path, os.O_RDWR | os.O_CREAT)
        self._hash = hashlib.sha256()
        self._documents = self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def kept(self) -> Iterator[bytes]:
        """Returns the lines of the former run. Read them all before the first `append`."""
        while self._bytes < self._begin.bytes and (line := self._file.readline()):
            self._count(line, 1)
            yield line
        if self._part() != self._begin:
            raise _changed(self._name)
        self._file.truncate(self._bytes)
        self._file.seek(self._bytes)

    def append(self, written: Sequence[bytes]) -> None:
        block = b"".join(written)
        self._file.write(block)
        self._count(block, len(written))

    def checkpoint(self) -> Part:
        """Records what is safely on disk: everything so far."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._part()

    def _count(self, block: bytes, documents: int) -> None:
        self._hash.update(block)
        self._bytes += len(block)
        self._documents += documents

    def _part(self) -> Part:
        return Part(self._name, self._documents, self._bytes, self._hash.hexdigest())


def _decoded(name: str, line: bytes) -> Document:
    try:
        return lines.decode(line)
    except ValueError as exc:
        raise _changed(name) from exc


def _changed(name: str) -> BackupError:
    text = _("%(name)s has changed since it was written. Delete the backup and start again.")
    return BackupError(text % {"name": name})


def _new_state() -> State:
    """Raises BackupError for a database that does not hold a system: a slip in MONGODB_NAME, for
    example."""
    applied = sorted(MigrationRecorder(connection).applied_migrations())
    name = connection.settings_dict["NAME"]
    if not applied:
        text = _("The database %(name)s is empty. Check MONGODB_URL and MONGODB_NAME.")
        raise BackupError(text % {"name": name})
    if Target().state():
        text = _("A restore into the database %(name)s has not finished. Run it again first.")
        raise BackupError(text % {"name": name})
    identity = new_identity()
    return State(format=FORMAT, identity=identity, started_at=now_ms(), migrations=applied, done={})


class Writer:
    """One run of a backup into the directory `work`."""

    def __init__(self, work: Path, progress: Progress) -> None:
        self._work = work
        self._progress = progress
        self._saved = time.monotonic()
        self._state = self._load()

    def write(self) -> Manifest:
        """Writes all parts. Raises BackupError; a later run continues."""
        asyncio.run(self._collections())
        self._files()
        return self._finish()

    # --- state -----------------------------------------------------------------------------

    def _load(self) -> State:
        """Returns the state of a former run, or of a new one."""
        path = self._work / STATE
        if not path.exists():
            return _new_state()
        try:
            return msgspec.json.decode(path.read_bytes(), type=State)
        except msgspec.DecodeError as exc:
            raise BackupError(
                _("%(path)s is damaged. Delete the backup and start again.") % {"path": path}
            ) from exc

    def _save(self, current: Part | None) -> None:
        self._state.current = current
        write_whole(self._work / STATE, msgspec.json.encode(self._state))
        self._saved = time.monotonic()

    def _save_now_and_then(self, file: PartFile) -> None:
        if time.monotonic() - self._saved > CHECKPOINT_S:
            self._save(file.checkpoint())

    def _begin(self, name: str, *, resumes: bool) -> Part | None:
        current = self._state.current
        unfinished = current if resumes and current and current.name == name else None
        return self._state.done.get(name, unfinished)

    def _end(self, part: Part) -> None:
        if part.name not in self._state.done:
            self._state.done[part.name] = part
            self._save(None)
        self._progress.end(amount(part.documents, part.bytes))

    # --- parts -----------------------------------------------------------------------------

    async def _collections(self) -> None:
        try:
            for name, reader in make_readers().items():
                await self._collection(name, reader)
        finally:
            await mongo_client().close()

    async def _collection(self, name: str, reader: Reader) -> None:
        self._progress.part(name, await collection(name).estimated_document_count())
        begin, last = self._begin(name, resumes=reader.resumes), None
        with PartFile(self._work / part_path(name), name, begin) as file:
            for line in file.kept():
                last = _decoded(name, line)
                reader.note(last)
                self._progress.advance(1)
            if name not in self._state.done:
                await self._rest(reader, last, file)
            self._end(file.checkpoint())

    async def _rest(self, reader: Reader, last: Document | None, file: PartFile) -> None:
        async for batch in reader.read(last):
            file.append([lines.encode(document) for document in batch])
            for document in batch:
                reader.note(document)
            self._progress.advance(len(batch))
            self._save_now_and_then(file)
            await asyncio.sleep(0)

    def _files(self) -> None:
        root = media.root()
        names = media.names(root)
        self._progress.part(FILES, len(names))
        with PartFile(self._work / FILES, FILES, self._begin(FILES, resumes=True)) as file:
            for line in file.kept():
                names.discard(media.listed(line).name)
                self._progress.advance(1)
            for name in sorted(names):
                if root and (line := media.copy(root, name, self._work)):
                    file.append([line])
                self._progress.advance(1)
                self._save_now_and_then(file)
            self._end(file.checkpoint())

    def _finish(self) -> Manifest:
        parts = self._state.done
        manifest = Manifest(
            format=FORMAT,
            identity=self._state.identity,
            product=PRODUCT,
            version=settings.VERSION,
            started_at=self._state.started_at,
            finished_at=now_ms(),
            migrations=self._state.migrations,
            key_check=key_check(),
            parts=[part for name, part in parts.items() if name != FILES],
            files=parts[FILES],
        ).sealed()
        content = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        write_whole(self._work / MANIFEST, content)
        (self._work / STATE).unlink(missing_ok=True)
        return manifest


def write_whole(path: Path, content: bytes) -> None:
    """Writes a small file; readers see all of it or what was there before."""
    draft = path.with_suffix(".new")
    with private(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


# --- where it goes ----------------------------------------------------------------------------


def write_backup(place: Path, progress: Progress) -> Manifest:
    """Writes a backup of everything at `place`: a directory, or a file whose name ends in .tar.

    Continues one that was interrupted. Raises BackupError, OSError. Not to be called from an event
    loop: it has one of its own.
    """
    work = _free(place)
    with _own_directory(work):
        manifest = Writer(work, progress).write()
    if work != place:
        _pack(work, place)
    return manifest


def _free(place: Path) -> Path:
    """Returns the directory to write into for a backup at `place`."""
    packed = place.suffix == ".tar"
    if place.exists() and (packed or (place / MANIFEST).exists()):
        text = _("%(place)s already contains a finished backup. Choose another place.")
        raise BackupError(text % {"place": place})
    return place.with_name(f"{place.name}.partial") if packed else place


@contextmanager
def _own_directory(work: Path) -> Iterator[None]:
    """Provides the directory, new or with what a former run has left, and exclusively for us
    meanwhile."""
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    strangers = {path.name for path in work.iterdir()} - {LOCK, "collections", "files"}
    if strangers and not (work / STATE).exists():
        text = _("%(place)s is not empty. Choose another place.")
        raise BackupError(text % {"place": work})
    work.chmod(0o700)
    (work / "collections").mkdir(mode=0o700, exist_ok=True)
    (work / "files").mkdir(mode=0o700, exist_ok=True)
    with private(work / LOCK, os.O_WRONLY | os.O_CREAT) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = _("Another backup is writing to %(place)s.")
            raise BackupError(text % {"place": work}) from None
        yield
        (work / LOCK).unlink()


def _pack(work: Path, place: Path) -> None:
    """Makes one file of the directory, and removes the directory."""
    draft = place.with_name(f"{place.name}.new")
    with private(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            for path in sorted(work.rglob("*")):
                if path.is_file():
                    tar.add(path, path.relative_to(work).as_posix(), filter=_nobodys)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(place)
    shutil.rmtree(work)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leaves out the names and numbers of the user who made the backup."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member
