"""Checks an archive to its last byte, then fills the database with it.

The target is emptied and migrated as far as the source was, filled in the order of the archive
(accounts last, so that nobody can sign in to half a system), and then migrated further. It notes
its progress; a run that continues begins there and skips documents that are already stored.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO

from django.utils.translation import gettext as _

from imsystem.backup import BackupError, lines, media, plan
from imsystem.backup.archive import (
    FILES,
    Archive,
    File,
    Manifest,
    Part,
    chunks,
    file_path,
    key_check,
    opened,
    part_path,
    read_manifest,
)
from imsystem.backup.progress import Progress, amount
from imsystem.backup.target import Target
from imsystem.mongo.clients import Document
from imsystem.redis import sync_redis

BATCH = 1_000
NOTE_EVERY_S = 2.0


def restore(place: Path, progress: Progress, *, replace: bool = False) -> Manifest:
    """Restores the archive at `place`. `replace`: erases what the database holds.

    Nothing is written before the whole archive has been checked. Raises BackupError, OSError.
    """
    with opened(place) as archive:
        manifest = read_manifest(archive)
        target = Target()
        target.must_know(manifest.migrations, manifest.version)
        phase = _phase(target, manifest, replace=replace)
        sync_redis().ping()
        verify(archive, manifest, progress)
        Restorer(archive, manifest, target, progress).run(phase)
    return manifest


def same_key(manifest: Manifest) -> bool:
    """Returns whether SECRET_KEY is the one of the backup: encrypted secrets cannot be read with
    another."""
    return manifest.key_check == key_check()


def _phase(target: Target, manifest: Manifest, *, replace: bool) -> str:
    """Returns where to begin: clear, fill or finish. Raises BackupError for a database that is in
    use."""
    state = target.state()
    if state and state["backup"] == manifest.identity:
        # MongoDB does not roll back half a migration: one that was cut off cannot be run again.
        half_migrated = state["phase"] == "finish" and target.has_pending_migrations()
        # `up` of a newer version was run meanwhile: what it migrated would not get the rest.
        migrated_on = state["phase"] == "fill" and target.is_beyond(manifest.migrations)
        return "clear" if half_migrated or migrated_on else str(state["phase"])
    if not replace and (contents := target.contents()):
        text = _(
            "The database %(name)s is not empty: %(contents)s. Choose another one "
            "with MONGODB_NAME or MONGODB_URL, or erase it with --replace."
        )
        counts = ", ".join(f"{name} {count}" for name, count in contents.items())
        raise BackupError(text % {"name": target.name, "contents": counts})
    return "clear"


# --- checking -----------------------------------------------------------------------------------


def verify(archive: Archive, manifest: Manifest, progress: Progress) -> None:
    """Reads everything and compares it with the manifest. Raises BackupError."""
    for part in manifest.parts:
        progress.part(_("check %(name)s") % {"name": part.name}, part.documents)
        with archive.open(part_path(part.name)) as file:
            _verify_part(part, _documents(file, part), progress)
    progress.part(_("check %(name)s") % {"name": FILES}, manifest.files.documents)
    with archive.open(FILES) as file:
        _verify_part(manifest.files, iter(file), progress)
    with archive.open(FILES) as file:
        for entry in media.files_of(file):
            _verify_file(archive, entry)


def _documents(file: IO[bytes], part: Part) -> Iterator[bytes]:
    for number, line in enumerate(file, 1):
        try:
            lines.decode(line)
        except ValueError as exc:
            text = _("%(name)s is damaged: line %(number)s is not a document.")
            raise BackupError(text % {"name": part.name, "number": number}) from exc
        yield line


def _verify_part(part: Part, found: Iterator[bytes], progress: Progress) -> None:
    digest, documents, count = hashlib.sha256(), 0, 0
    for line in found:
        digest.update(line)
        documents, count = documents + 1, count + len(line)
        if documents % BATCH == 0:
            progress.advance(BATCH)
    if Part(part.name, documents, count, digest.hexdigest()) != part:
        raise BackupError(_("%(name)s is damaged: its checksum is wrong.") % {"name": part.name})
    progress.end(_("checksum is right"))


def _verify_file(archive: Archive, entry: File) -> None:
    digest = hashlib.sha256()
    with archive.open(file_path(entry.name)) as file:
        for chunk in chunks(file):
            digest.update(chunk)
    if digest.hexdigest() != entry.sha256:
        raise BackupError(_("%(name)s is damaged: its checksum is wrong.") % {"name": entry.name})


# --- filling ------------------------------------------------------------------------------------


class Restorer:
    """One run, from an archive that was verified."""

    def __init__(
        self, archive: Archive, manifest: Manifest, target: Target, progress: Progress
    ) -> None:
        self._archive = archive
        self._manifest = manifest
        self._target = target
        self._progress = progress
        self._noted = time.monotonic()

    def run(self, phase: str) -> None:
        if phase == "clear":
            self._target.clear(self._manifest.identity)
            self._target.migrate_to(self._manifest.migrations)
            self._target.enter("fill")
        if phase != "finish":
            state = self._target.state() or {"done": {}}
            for part in self._manifest.parts:
                self._fill(part, state["done"].get(part.name, 0))
            self._put_files_back()
            self._target.enter("finish")
        self._target.migrate_on()
        plan.restored()
        self._target.end()

    def _fill(self, part: Part, done: int) -> None:
        self._progress.part(part.name, part.documents)
        self._progress.advance(done)
        with self._archive.open(part_path(part.name)) as file:
            rest = islice(file, done, None)
            while batch := [lines.decode(line) for line in islice(rest, BATCH)]:
                self._insert(part, batch)
                done += len(batch)
                self._note(part, done)
        self._progress.end(amount(part.documents, part.bytes))

    def _insert(self, part: Part, batch: Sequence[Document]) -> None:
        self._target.insert(part.name, batch)
        self._progress.advance(len(batch))

    def _note(self, part: Part, done: int) -> None:
        if done == part.documents or time.monotonic() - self._noted > NOTE_EVERY_S:
            self._target.reached(part.name, done)
            self._noted = time.monotonic()

    def _put_files_back(self) -> None:
        top = media.root()
        listed = self._manifest.files
        self._progress.part(FILES, listed.documents)
        if listed.documents and top is None:
            raise BackupError(_("The backup contains files, but MEDIA_ROOT is not set."))
        with self._archive.open(FILES) as file:
            for entry in media.files_of(file):
                with self._archive.open(file_path(entry.name)) as source:
                    if top is not None:
                        media.put_back(top, entry, source)
                self._progress.advance(1)
        self._progress.end(amount(listed.documents, listed.bytes))
