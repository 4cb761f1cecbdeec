"""Which installation this is: its name is part of everything that it keeps and hears in Redis.

Several installations may share one Redis, and a restored copy of a database is one of its own. The
name is made from two things. One is an identity that MongoDB keeps; it is made when it is first
asked for, and `backup` leaves it out. The other is the database's name: a copy that was made with
other tools has the identity of the original, but as a rule another name (docs/operations.md).
"""

import hashlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import redis.exceptions
from django.db import connection, connections
from pymongo.errors import DuplicateKeyError

from imsystem.ids import new_identity
from imsystem.loops import on_server_loop
from imsystem.outage import is_outage
from imsystem.threads import start_in_thread

logger = logging.getLogger(__name__)

COLLECTION = "installation"
_KEY = {"_id": "installation"}

# database -> name. It never changes while a process runs.
_names: dict[str, str] = {}
_learning = threading.Lock()


class NameUnknown(redis.exceptions.ConnectionError):
    """MongoDB has not told the installation's name yet, so nothing can be found in Redis."""


def _database() -> str:
    name: str = connections.settings["default"]["NAME"]
    return name


def name() -> str:
    """Returns twelve hex digits.

    The first call reads MongoDB. The server's event loop never waits for that: there it raises
    NameUnknown, which is an outage like any other, and a thread reads the name.
    """
    known = _names.get(_database())
    if known is not None:
        return known
    if on_server_loop():
        if not _learning.locked():
            start_in_thread(learn)
        raise NameUnknown("the name of this installation is not known yet")
    return _load_off_the_loop()


def _load_off_the_loop() -> str:
    """A management command's own loop may wait, but Django's connections refuse every loop."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(load).result()


def load() -> str:
    """Reads the name from MongoDB, and waits for it."""
    database = _database()
    text = f"{_identity()}\0{database}"
    _names[database] = hashlib.sha256(text.encode()).hexdigest()[:12]
    return _names[database]


def learn() -> None:
    """The same, once at a time, for a process that goes on without while MongoDB is away."""
    if not _learning.acquire(blocking=False):
        return
    try:
        load()
    except Exception as exc:
        if not is_outage(exc):
            logger.exception("the name of this installation cannot be read")
    finally:
        _learning.release()


def _identity() -> str:
    # Of the engine, which Django's type stubs do not know. Not a model: what is none is not in a
    # backup, and a restore does not erase it.
    stored = cast("Any", connection).database[COLLECTION]
    found = stored.find_one(_KEY)
    if found is None:
        try:
            stored.insert_one({**_KEY, "identity": new_identity()})
        except DuplicateKeyError:  # another process was faster
            logger.debug("the installation was named by another process")
        found = stored.find_one(_KEY)
    return str(found["identity"])
