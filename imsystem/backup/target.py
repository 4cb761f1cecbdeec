"""The database that a backup is restored to, and how far that has come.

`restore_state` holds one document while a restore is under way: {_id: "restore", backup:
<identity>, phase: clear | fill | finish, done: {collection: lines}}. `clear` lasts until
collections and indexes are created.
"""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _
from pymongo import timeout
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from imsystem.backup import BackupError
from imsystem.backup.archive import NEVER_RESTORED
from imsystem.backup.plan import tables
from imsystem.mongo import MIGRATED_WITHIN_S
from imsystem.mongo.clients import Document
from imsystem.mongo.migrating import pending_migrations
from imsystem.mongo.retry import DUPLICATE

STATE = "restore_state"
_KEY = {"_id": "restore"}
# What `migrate` leaves in an empty database.
_MADE_BY_MIGRATE = {"django_migrations", "django_content_type", "auth_permission"}
INSERT_WITHIN_S = 120.0
UNFINISHED = (
    "A restore was interrupted, and only a part of the data is here. Let nobody in yet: run the "
    "same `manage.py restore` again, which goes on, and restart."
)


def unfinished() -> bool:
    """Returns whether a restore has begun in the database that the settings name, and has not
    ended."""
    return Target().state() is not None


class Target:
    """The database that the settings name."""

    def __init__(self) -> None:
        # Of the engine, which Django's type stubs do not know.
        self._db: Database[Document] = cast("Any", connection).database
        self._known = {*tables(), *NEVER_RESTORED}

    @property
    def name(self) -> str:
        return str(self._db.name)

    def state(self) -> Document | None:
        """The state of the restore that is under way."""
        found: Document | None = self._db[STATE].find_one(_KEY)
        return found

    def contents(self) -> dict[str, int]:
        """Returns how many documents it has in which collection, without what `migrate` creates."""
        names = sorted(self._known - _MADE_BY_MIGRATE - {STATE})
        counts = {name: int(self._db[name].estimated_document_count()) for name in names}
        return {name: count for name, count in counts.items() if count}

    def clear(self, identity: str) -> None:
        """Drops all our collections; from now on `restore_state` names the backup."""
        state = {**_KEY, "backup": identity, "phase": "clear", "done": {}}
        self._db[STATE].replace_one(_KEY, state, upsert=True)
        for name in sorted(self._known - {STATE}):
            self._db[name].drop()

    def enter(self, phase: str) -> None:
        self._db[STATE].update_one(_KEY, {"$set": {"phase": phase}})

    def reached(self, collection: str, done: int) -> None:
        """Notes that so many lines of a collection are stored."""
        self._db[STATE].update_one(_KEY, {"$set": {f"done.{collection}": done}})

    def end(self) -> None:
        self._db[STATE].drop()

    def insert(self, collection: str, documents: Sequence[Document]) -> None:
        """Adds documents and skips those that exist. Raises BackupError for others that are
        refused."""
        try:
            with timeout(INSERT_WITHIN_S):
                self._db[collection].insert_many(documents, ordered=False)
        except BulkWriteError as exc:
            if exc.details.get("writeConcernErrors"):
                raise
            self._must_be_there(collection, documents, exc.details["writeErrors"])

    def _must_be_there(
        self, collection: str, documents: Sequence[Document], errors: list[dict[str, Any]]
    ) -> None:
        """A duplicate of another unique key is one that the backup does not know."""
        refused = {documents[error["index"]]["_id"]: error for error in errors}
        found = self._db[collection].find({"_id": {"$in": list(refused)}}, {"_id": 1})
        there = {row["_id"] for row in found}
        for identity, error in refused.items():
            if error["code"] != DUPLICATE or identity not in there:
                text = _("%(collection)s rejected document %(identity)s (code %(code)s).")
                values = {"collection": collection, "identity": identity, "code": error["code"]}
                raise BackupError(text % values)

    # --- migrations ------------------------------------------------------------------------

    def must_know(self, migrations: Sequence[tuple[str, str]], version: str) -> None:
        """Raises BackupError when the backup has a migration that we do not have."""
        known = MigrationExecutor(connection).loader.graph.nodes
        if unknown := [".".join(key) for key in migrations if tuple(key) not in known]:
            text = _(
                "This backup was made by version %(version)s, which this version "
                "cannot read (unknown: %(unknown)s). Install that version, restore, "
                "then upgrade."
            )
            raise BackupError(text % {"version": version, "unknown": ", ".join(unknown)})

    def migrate_to(self, migrations: Sequence[tuple[str, str]]) -> None:
        """Creates collections and indexes as they were for the backup's documents."""
        executor = MigrationExecutor(connection)
        applied = set(migrations)
        graph = executor.loader.graph

        def superseded(key: tuple[str, str]) -> bool:
            children = (child.key for child in graph.node_map[key].children)
            return any(child[0] == key[0] and child in applied for child in children)

        leaves: list[tuple[str, str | None]] = [
            key for key in sorted(applied) if not superseded(key)
        ]
        with timeout(MIGRATED_WITHIN_S):
            executor.migrate(leaves)

    def is_beyond(self, migrations: Sequence[tuple[str, str]]) -> bool:
        """Returns whether migrations have been applied since that the backup's documents have not
        seen."""
        applied = MigrationExecutor(connection).loader.applied_migrations
        return bool(set(applied) - set(migrations))

    def has_pending_migrations(self) -> bool:
        return pending_migrations() > 0

    def migrate_on(self) -> None:
        """Applies what has been added since the backup, to its documents too."""
        ContentType.objects.clear_cache()
        with timeout(MIGRATED_WITHIN_S):
            call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
