"""Before anything is served: databases reached, configuration checked, migrations applied.

The first web worker does it: a process of its own would import Django once more, 1.5 s of work.
"""

import io
import threading
import time
from collections.abc import Collection
from typing import Self

from imsystem.embedded import UpError
from imsystem.embedded.console import part_line
from imsystem.embedded.datadir import INITIALISING, end_initialisation
from imsystem.embedded.protection import MONGODB_USER
from imsystem.mongo import MIGRATED_WITHIN_S

REACH_S = 5.0
TOLD_EVERY_S = 5.0
LOCK_S = 300.0  # a host that was killed while it migrated holds the others up for so long


def reach_mongodb() -> None:
    """Raises UpError when MongoDB does not answer or refuses us."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connection
    from pymongo import timeout
    from pymongo.errors import PyMongoError, ServerSelectionTimeoutError

    try:
        with timeout(REACH_S):
            connection.ensure_connection()
            connection.connection.admin.command("ping")
    except ServerSelectionTimeoutError as exc:
        raise UpError(f"MongoDB does not answer (MONGODB_URL): {_first_cause(exc)}") from exc
    except (PyMongoError, ImproperlyConfigured, ValueError) as exc:
        raise UpError(f"MongoDB refuses the connection (MONGODB_URL): {exc}") from exc


def _first_cause(exc: Exception) -> str:
    """PyMongo's text without the timeouts and the topology it appends."""
    return str(exc).partition(" (configured timeouts")[0].partition(", Timeout:")[0]


def reach_redis() -> None:
    """Raises UpError when Redis does not answer or refuses us."""
    from redis.exceptions import RedisClusterException, RedisError

    from imsystem.redis import WrongKind, must_be_of_its_kind, sync_redis

    try:
        sync_redis().ping()
        must_be_of_its_kind()
    except WrongKind as exc:
        raise UpError(str(exc)) from exc
    except (RedisError, RedisClusterException, ValueError, TypeError) as exc:
        raise UpError(f"Redis does not answer (REDIS_URL): {exc}") from exc


def check_configuration() -> None:
    """The system checks, in the environment of the web workers. Raises UpError on errors."""
    from django.core.checks import CheckMessage, run_checks

    def line(message: CheckMessage) -> str:
        return " ".join(filter(None, [str(message.msg), message.hint]))

    messages = [message for message in run_checks() if not message.is_silenced()]
    for message in messages:
        if not message.is_serious():
            print(f"warning: {line(message)}", flush=True)
    errors = [line(message) for message in messages if message.is_serious()]
    if errors:
        raise UpError("\n  ".join(["The configuration is refused.", *errors]))


def migrate() -> str:
    """Brings the collections and indexes up to date; says what it did."""
    from django.core.management import call_command
    from pymongo import timeout

    from imsystem.mongo.migrating import pending_migrations
    from imsystem.redis import key, sync_redis

    _refuse_newer_data()
    if not pending_migrations():
        return "up to date"
    # Several hosts may start at once, and MongoDB does not lock its schema.
    lock = sync_redis().lock(key("migrate"), timeout=LOCK_S)
    with lock, timeout(MIGRATED_WITHIN_S):
        pending = pending_migrations()
        with _Told(pending) as told:
            call_command("migrate", verbosity=1, interactive=False, skip_checks=True, stdout=told)
    return f"{pending} migrations applied"


class _Told(io.StringIO):
    """Reads along what `migrate` prints, and says every few seconds which migration runs.

    A minute of silence would look like a hang; the two seconds of a usual first start need no line.
    """

    def __init__(self, pending: int) -> None:
        super().__init__()
        self._pending, self._begun, self._name = pending, 0, ""
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="migrating", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        self._thread.join()

    def write(self, text: str) -> int:
        if (name := text.strip()).startswith("Applying "):
            self._begun += 1
            self._name = name.removeprefix("Applying ").rstrip(".")
        return len(text)

    def line(self) -> str:
        detail = f"{self._begun} of {self._pending}, {self._name}"
        return part_line("migrating", time.monotonic() - self._started, detail)

    def _tell(self) -> None:
        while not self._ended.wait(TOLD_EVERY_S):
            print(self.line(), flush=True)


def _refuse_newer_data() -> None:
    """Raises UpError when a newer version has migrated this database: this one would misread it."""
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    unknown = [
        f"{app}.{name}"
        for app, name in sorted(loader.applied_migrations)
        if app in loader.migrated_apps and (app, name) not in loader.disk_migrations
    ]
    if unknown:
        raise UpError(
            f"The data was written by a newer version of IMSystem ({unknown[-1]}). "
            "Install that version, or restore a backup made by this one."
        )


def warn_of_unfinished_restore() -> None:
    """A warning and no error: the embedded database is there for `restore` only while `up` runs."""
    from imsystem.backup.target import UNFINISHED, unfinished

    if unfinished():
        print(f"warning: {UNFINISHED}", flush=True)


def refuse_strangers() -> None:
    """Raises UpError when somebody else has used the embedded database before it was protected."""
    from django.conf import settings
    from django.db import connection

    client = connection.connection
    users = {user["user"] for user in client.admin["system.users"].find({}, {"user": 1})}
    if users != {MONGODB_USER}:
        raise UpError(f"The embedded database has users that are not ours: {sorted(users)}.")
    made = set(client.list_database_names()) - {"admin", "config", "local"}
    if made and (settings.DATA_DIR / INITIALISING).exists():
        raise UpError("Somebody wrote to the new database before it was protected. Start again.")


def _end_initialisation() -> None:
    from django.conf import settings

    end_initialisation(settings.DATA_DIR)


def _report(name: str, started: float, outcome: str) -> None:
    print(part_line(name, time.monotonic() - started, outcome), flush=True)


def prepare(external: Collection[str]) -> None:
    """Takes all steps. Raises UpError at the first that fails.

    The parts named in `external` get their line here, the supervisor prints the others'.
    """
    for name, reach in (("mongodb", reach_mongodb), ("redis", reach_redis)):
        started = time.monotonic()
        reach()
        if name in external:
            _report(name, started, f"reached at {name.upper()}_URL")
    if "mongodb" not in external:
        refuse_strangers()
    check_configuration()
    started = time.monotonic()
    _report("migrations", started, migrate())
    _end_initialisation()
    warn_of_unfinished_restore()
