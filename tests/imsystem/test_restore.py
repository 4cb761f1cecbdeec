"""`manage.py restore`: refuses what is damaged, strange or in the way, and goes on when cut off."""

import hashlib
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from accounts.models import Avatar
from accounts.sessions import open_session
from imsystem.backup import restorer, target
from imsystem.backup.archive import File, Manifest, Part, opened, read_manifest
from imsystem.embedded.prepare import prepare
from imsystem.health.diagnosis import Failed, check_restore
from tests.backups import (
    SECOND,
    PowerCutError,
    backup,
    cut_after,
    database,
    documents,
    indexes,
    restore,
    say,
)
from tests.conftest import Cast


def cut_off(what: type, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies where this step begins."""

    def die(*args: Any) -> None:
        raise PowerCutError

    monkeypatch.setattr(what, step, die)


# --- interrupted ----------------------------------------------------------------------------------


def test_a_half_backup_is_not_restored(
    world: Cast, tmp_path: Path, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        cut_after(0, "room_basic", patch)
        with pytest.raises(PowerCutError):
            backup(tmp_path / "b")
    with pytest.raises(CommandError, match=r"is not finished.* Run the backup again"):
        restore(tmp_path / "b", second)


def test_a_restore_goes_on_wherever_it_was_interrupted(
    world: Cast, tmp_path: Path, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies before each of its steps in turn, five batches of messages among them, some after
    they were stored and before that was noted."""
    monkeypatch.setattr(restorer, "BATCH", 6)
    monkeypatch.setattr(restorer, "NOTE_EVERY_S", 0)
    backup(tmp_path / "b")
    steps, survived = [0], [0]

    def dying(step: Callable[..., Any]) -> Callable[..., Any]:
        def either(*args: Any, **options: Any) -> Any:
            steps[0] += 1
            if steps[0] > survived[0]:
                survived[0] += 3
                steps[0] = 0
                raise PowerCutError
            return step(*args, **options)

        return either

    for name in ("enter", "insert", "reached", "migrate_to", "migrate_on", "end"):
        monkeypatch.setattr(target.Target, name, dying(getattr(target.Target, name)))
    # A migration whose collections are made and that is not noted yet.
    noted = dying(MigrationRecorder.record_applied)
    monkeypatch.setattr(MigrationRecorder, "record_applied", noted)
    cuts = 0
    while cuts < 50:
        try:
            steps[0] = 0
            restore(tmp_path / "b", second)
            break
        except PowerCutError:
            cuts += 1
    assert cuts > 5
    assert documents(second) == documents("im_test")
    assert indexes(second) == indexes("im_test")


def test_half_a_restore_is_warned_of(
    world: Cast, tmp_path: Path, second: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """By `up`, without which the embedded database is not there, and by `doctor`."""
    backup(tmp_path / "b")
    cut_off(restorer.Restorer, "_put_files_back", monkeypatch)
    with pytest.raises(PowerCutError):
        restore(tmp_path / "b", second)
    with database(second):
        prepare(external={"mongodb"})
        assert f"warning: {target.UNFINISHED}" in capsys.readouterr().out
        with pytest.raises(Failed, match="only a part of the data is here"):
            check_restore(None)
    monkeypatch.undo()
    restore(tmp_path / "b", second)
    with database(second):
        prepare(external={"mongodb"})
        assert "warning: A restore" not in capsys.readouterr().out
        assert check_restore(None) == "none is under way"


@pytest.mark.parametrize("phase", ["clear", "fill", "finish"])
def test_what_was_migrated_on_meanwhile_begins_anew(
    cast: Cast, tmp_path: Path, second: str, phase: str
) -> None:
    """What the backup still has to give did not see those migrations, and never would."""
    backup(tmp_path / "b")
    with opened(tmp_path / "b") as archive:
        manifest = read_manifest(archive)
    older = msgspec.structs.replace(manifest, migrations=manifest.migrations[:-1])
    with database(second):
        into = target.Target()
        into.clear(manifest.identity)
        into.migrate_to(manifest.migrations)
        into.enter(phase)
        assert restorer._phase(into, manifest, replace=False) == phase
        begun_anew = "finish" if phase == "finish" else "clear"
        assert restorer._phase(into, older, replace=False) == begun_anew


# --- refused ----------------------------------------------------------------------------------


def damage(path: Path) -> None:
    """Changes one letter in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def remove(path: Path) -> None:
    path.unlink()


def link(path: Path) -> None:
    moved = path.rename(path.with_suffix(".real"))
    path.symlink_to(moved)


def double_last_line(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content + content.splitlines(keepends=True)[-1])


PARTS = [
    *("manifest.json", "collections/message_basic.ndjson", "collections/user_basic.ndjson"),
    *("files.ndjson", "files/2026/11/a b.bin"),
]


@pytest.mark.parametrize("harm", [damage, cut_short, remove, link, double_last_line])
def test_a_damaged_backup_is_refused_and_nothing_is_written(
    made: Path, tmp_path: Path, second: str, harm: Callable[[Path], None]
) -> None:
    for number, name in enumerate(PARTS):
        shutil.copytree(made, harmed := tmp_path / str(number))
        harm(harmed / name)
        with pytest.raises(CommandError, match=r"damaged|not in the backup|backup is not finished"):
            restore(harmed, second)
        assert connection.connection[second].list_collection_names() == []


def test_files_come_back(made: Path, tmp_path: Path, second: str, settings: Any) -> None:
    settings.MEDIA_ROOT = str(back := tmp_path / "back")
    restore(made, second)
    assert sorted(path.name for path in back.rglob("*") if path.is_file()) == ["a b.bin", "empty"]
    assert (back / "2026" / "11" / "a b.bin").read_bytes() == bytes(range(256)) * 20


def rewritten(place: Path, **changes: Any) -> None:
    """Changes a manifest and gives it the right checksum, as somebody with bad intent would."""
    path = place / "manifest.json"
    manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(manifest, **changes).sealed()))


BAD_NAMES = [
    "../out",
    "/etc/out",
    "a/../../out",
    "a//b",
    "./a",
    "..",
    "",
    "a\\..\\b",
    "C:out",
    "\0",
]


def test_names_that_lead_elsewhere_are_refused(made: Path, tmp_path: Path, second: str) -> None:
    (made / "out").write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    before = set(tmp_path.rglob("*"))
    for name in BAD_NAMES:
        line = msgspec.json.encode(File(name, 1, digest)) + b"\n"
        (made / "files.ndjson").write_bytes(line)
        listed = Part("files.ndjson", 1, len(line), hashlib.sha256(line).hexdigest())
        rewritten(made, files=listed)
        with pytest.raises(CommandError, match="The backup contains an unexpected file"):
            restore(made, second)
    assert set(tmp_path.rglob("*")) == before
    assert connection.connection[second].list_collection_names() == []


def test_collections_that_are_not_ours_to_write_are_refused(made: Path, second: str) -> None:
    for name in (*BAD_NAMES, "django_migrations", "restore_state", "system.users", "a.b", "A"):
        rewritten(made, parts=[Part(name, 0, 0, "")])
        with pytest.raises(CommandError, match="The backup contains an unexpected collection"):
            restore(made, second)
    assert connection.connection[second].list_collection_names() == []


def test_a_tar_is_read_without_following_links(cast: Cast, tmp_path: Path, second: str) -> None:
    backup(tmp_path / "b")
    (tmp_path / "b" / "collections" / "message_basic.ndjson").unlink()
    (tmp_path / "b" / "collections" / "message_basic.ndjson").symlink_to("/dev/null")
    with tarfile.open(tmp_path / "b.tar", "w") as tar:
        tar.add(tmp_path / "b", "")
    with pytest.raises(CommandError, match=r"message_basic\.ndjson is not in the backup"):
        restore(tmp_path / "b.tar", second)
    (tmp_path / "no.tar").write_bytes(b"no tar")
    with pytest.raises(CommandError, match=r"no\.tar is not a readable tar file"):
        restore(tmp_path / "no.tar", second)


def test_another_format_or_a_newer_version_is_refused(
    cast: Cast, tmp_path: Path, second: str
) -> None:
    backup(tmp_path / "b")
    rewritten(tmp_path / "b", format=2)
    with pytest.raises(CommandError, match="has format 2; this version of IMSystem reads 1"):
        restore(tmp_path / "b", second)
    newer = [("chat", "0001_initial"), ("chat", "0099_newer")]
    rewritten(tmp_path / "b", format=1, migrations=newer, version="9.1.0")
    with pytest.raises(CommandError, match=r"version 9\.1\.0.*unknown: chat\.0099_newer"):
        restore(tmp_path / "b", second)
    assert connection.connection[second].list_collection_names() == []


def test_a_database_in_use_is_left_alone_unless_asked(
    cast: Cast, tmp_path: Path, second: str
) -> None:
    say(cast, "one")
    backup(tmp_path / "b")
    restore(tmp_path / "b", second)
    with database(second):
        say(cast, "two")
        before = documents(second)
    with pytest.raises(CommandError) as refused:
        restore(tmp_path / "b", second)
    assert str(refused.value).startswith(f"The database {second} is not empty: ")
    assert "message_basic 2" in str(refused.value)
    assert str(refused.value).endswith("or erase it with --replace.")
    assert documents(second) == before
    restore(tmp_path / "b", second, replace=True)
    assert documents(second) == documents("im_test")


def test_a_database_that_was_only_migrated_is_empty(
    cast: Cast, tmp_path: Path, second: str, settings: Any
) -> None:
    backup(tmp_path / "b")
    with database(second):
        call_command("migrate", verbosity=0)
    settings.SECRET_KEY = "another" * 10
    assert "Warning: SECRET_KEY differs from the one" in restore(tmp_path / "b", second)
    assert documents(second) == documents("im_test")


def test_a_backup_does_not_overwrite(cast: Cast, tmp_path: Path) -> None:
    backup(tmp_path / "b")
    with pytest.raises(CommandError, match="already contains a finished backup"):
        backup(tmp_path / "b")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter").touch()
    with pytest.raises(CommandError, match="is not empty"):
        backup(tmp_path / "other")
    with pytest.raises(CommandError, match="There is no backup at"):
        restore(tmp_path / "nowhere", SECOND)


def test_what_is_no_whole_system_is_not_backed_up(cast: Cast, tmp_path: Path, second: str) -> None:
    with (
        database(second),
        pytest.raises(CommandError, match=f"The database {second} is empty. Check MONGODB_URL"),
    ):
        backup(tmp_path / "b")
    backup(tmp_path / "good")
    with database(second):
        call_command("migrate", verbosity=0)
        connection.connection[second].restore_state.insert_one({"_id": "restore"})
        with pytest.raises(CommandError, match=r"has not finished\. Run it again first"):
            backup(tmp_path / "b")


def test_open_sessions_are_in_it(cast: Cast, tmp_path: Path) -> None:
    """What docs/operations.md says about secrets: hashes, sessions; no key."""
    from accounts.models import DeviceSession

    open_session(DeviceSession(user=cast.owner, device="d", ip="10.0.0.1"))
    assert Avatar.objects.count() == 0
    backup(tmp_path / "b")
    assert (tmp_path / "b" / "collections" / "device_session.ndjson").read_text().count("\n") == 1
    everything = b"".join(p.read_bytes() for p in (tmp_path / "b").rglob("*") if p.is_file())
    assert b"tests-tests-" not in everything
