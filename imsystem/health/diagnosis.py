"""What `manage.py doctor` looks at: one function for each check.

A check returns its detail, or raises: Doubtful for a warning, Skipped when there is nothing to look
at, and anything else is a failure.
"""

import asyncio
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from channels.layers import get_channel_layer
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection
from pymongo.database import Database
from pymongo.errors import ServerSelectionTimeoutError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from imsystem import installation
from imsystem.backup.target import UNFINISHED, unfinished
from imsystem.mail.probe import ProbeError, probe
from imsystem.mongo.indexes import unique_indexes
from imsystem.mongo.migrating import pending_migrations
from imsystem.ops.engines import ENGINES, engine_of
from imsystem.realtime import endpoint
from imsystem.redis import describe, key, must_be_of_its_kind, servers_info, sync_redis

TIMEOUT_S = 3.0
MAX_QUOTED = 300
LOCAL_URL = "http://127.0.0.1:8000"
DISK_FULL_BYTES = 500 * 1024**2
DISK_LOW_BYTES = 5 * 1024**3


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"
    SKIPPED = "skipped"


class Finding(NamedTuple):
    name: str
    state: State
    detail: str


class Doubtful(Exception):
    """It works, but not as it should in production."""


class Skipped(Exception):
    """Nothing to look at."""


class Failed(Exception):
    """It does not work."""


Check = Callable[[str | None], str]


def examine(name: str, check: Check, url: str | None) -> Finding:
    """Carries one check out; never raises."""
    try:
        return Finding(name, State.OK, check(url))
    except Doubtful as exc:
        return Finding(name, State.WARNING, str(exc))
    except Skipped as exc:
        return Finding(name, State.SKIPPED, str(exc))
    except Failed as exc:
        return Finding(name, State.FAILED, str(exc))
    except ServerSelectionTimeoutError as exc:
        return Finding(name, State.FAILED, str(exc).partition(" (configured")[0])
    except Exception as exc:  # whatever it is, the user wants to know it
        return Finding(name, State.FAILED, f"{type(exc).__name__}: {exc}")


def _database() -> Database[dict[str, Any]]:
    connection.ensure_connection()
    database: Database[dict[str, Any]] = connection.connection[connection.settings_dict["NAME"]]
    return database


def check_configuration(url: str | None) -> str:
    """The system checks: secrets, hosts, limits (RATE_LIMITS=off is a warning)."""
    messages = [message for message in run_checks() if not message.is_silenced()]
    text = "; ".join(" ".join(filter(None, [str(m.msg), m.hint])) for m in messages)
    if any(message.is_serious() for message in messages):
        raise Failed(text)
    if messages:
        raise Doubtful(text)
    return "secrets, hosts and limits are in order"


def check_openness(url: str | None) -> str:
    """Says who gets in and what is on offer; an open server is not a fault."""
    domains = ", ".join(settings.REGISTRATION_DOMAINS) or "any e-mail domain"
    registration = {
        "open": f"registration open ({domains})",
        "invite": f"registration by invitation ({domains})",
        "closed": "registration closed",
    }[settings.REGISTRATION]
    seed = "on" if settings.SEED_ROUTES else "off"
    limits = "on" if settings.RATE_LIMITS else "off"
    return f"{registration}; directory off; routes of the original {seed}; rate limits {limits}"


def check_mongodb(url: str | None) -> str:
    started = time.perf_counter()
    database = _database()
    database.command("ping")
    took = (time.perf_counter() - started) * 1_000
    engine = engine_of(database.client.server_info(), database.client.admin.command("hello"))
    if not engine.is_known:
        raise Doubtful(f"{engine}, which IMSystem has not been tried on. Tried: {ENGINES}")
    return f"{engine}, database {database.name}, {took:.0f} ms"


def check_replica_set(url: str | None) -> str:
    """Without one, MongoDB has no transactions, and `majority` means a single disk."""
    hello = _database().client.admin.command("hello")
    if hello.get("msg") == "isdbgrid":
        return "sharded cluster"
    if "setName" not in hello:
        raise Failed("a single server: start mongod with --replSet and run rs.initiate()")
    return f"{hello['setName']}, members: {len(hello['hosts'])}"


def check_migrations(url: str | None) -> str:
    if pending := pending_migrations():
        raise Failed(f"{pending} not applied: run manage.py migrate (`up` does)")
    return "all applied"


def check_restore(url: str | None) -> str:
    if unfinished():
        raise Failed(UNFINISHED)
    return "none is under way"


def check_indexes(url: str | None) -> str:
    """The promises rest on them: no second message for a number, no second account."""
    wanted = unique_indexes()
    missing = [
        f"{collection}({', '.join(fields)})"
        for collection, indexes in wanted.items()
        for fields in sorted(indexes - _present_indexes(collection))
    ]
    if missing:
        raise Failed(f"unique indexes missing: {'; '.join(missing)}")
    return f"{sum(map(len, wanted.values()))} unique indexes present"


def _present_indexes(collection: str) -> set[tuple[str, ...]]:
    indexes = _database()[collection].index_information().values()
    return {tuple(field for field, _ in index["key"]) for index in indexes if index.get("unique")}


def check_redis(url: str | None) -> str:
    client = sync_redis()
    started = time.perf_counter()
    client.ping()
    took = (time.perf_counter() - started) * 1_000
    client.set(key("doctor"), "1", ex=10)  # one that refuses writes carries no message
    must_be_of_its_kind()
    for info in servers_info():
        if info.get("maxmemory_policy", "noeviction") != "noeviction":
            raise Doubtful(f"maxmemory-policy is {info['maxmemory_policy']}: set noeviction")
    version = info.get("valkey_version", info["redis_version"])
    return f"version {version}, {describe()}, keys im:{installation.name()}:, {took:.0f} ms"


def check_channel_layer(url: str | None) -> str:
    return asyncio.run(_round_trip())


async def _round_trip() -> str:
    layer = get_channel_layer()
    group = f"doctor.{os.getpid()}"
    started = time.perf_counter()
    async with asyncio.timeout(TIMEOUT_S):
        channel = await layer.new_channel("doctor")
        await layer.group_add(group, channel)
        await layer.group_send(group, {"type": "doctor"})
        await layer.receive(channel)
        await layer.group_discard(group, channel)
    return f"round trip in {(time.perf_counter() - started) * 1_000:.0f} ms"


def check_mail(url: str | None) -> str:
    if directory := getattr(settings, "EMAIL_FILE_PATH", None):
        return _check_mail_directory(Path(directory))
    if settings.EMAIL_BACKEND.endswith("SmtpBackend"):
        try:
            return probe(TIMEOUT_S)
        except ProbeError as exc:
            raise Failed(str(exc)) from exc
    raise Doubtful("mail goes to the console only: set EMAIL_URL")


def _check_mail_directory(directory: Path) -> str:
    if not directory.is_dir() or not os.access(directory, os.W_OK):
        raise Failed(f"cannot write to {directory}")
    raise Doubtful(f"mail goes to files in {directory} only: set EMAIL_URL")


def check_disk(url: str | None) -> str:
    place = next(p for p in [settings.DATA_DIR, *settings.DATA_DIR.parents] if p.exists())
    free = shutil.disk_usage(place).free
    text = f"{free / 1024**3:.1f} GiB free at {place}"
    if free < DISK_FULL_BYTES:
        raise Failed(text)
    if free < DISK_LOW_BYTES:
        raise Doubtful(text)
    return text


def check_server(url: str | None) -> str:
    """/readyz: the server answers, and reaches its databases."""
    try:
        with _opener(_base(url)).open(f"{_base(url)}/readyz", timeout=TIMEOUT_S) as response:
            return f"{_base(url)} answers {response.status}"
    except urllib.error.HTTPError as exc:
        said = " ".join(exc.read(MAX_QUOTED).decode(errors="replace").split())
        raise Failed(f"{_base(url)}/readyz answers {exc.code}: {said}") from exc
    except OSError as exc:
        if url is None:
            raise Skipped(f"no server at {LOCAL_URL} (name it with --url)") from exc
        raise


def check_websocket(url: str | None) -> str:
    """The handshake, as a stranger: a refusal by close code 4401 shows that sockets get through."""
    parts = urlsplit(_base(url))
    if url is None and not _listens(parts.hostname, parts.port):
        raise Skipped(f"no server at {LOCAL_URL} (name it with --url)")
    address = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{endpoint.PATH}"
    try:
        proxy: Literal[True] | None = None if _is_loopback(address) else True
        with connect(
            address,
            subprotocols=[endpoint.SUBPROTOCOL],  # type: ignore[list-item]
            open_timeout=TIMEOUT_S,
            proxy=proxy,
        ) as chat:
            return f"{address} speaks {chat.subprotocol}"
    except InvalidStatus as exc:
        status = exc.response.status_code
        raise Failed(f"{address} answers {status}: does the proxy pass upgrades on?") from exc


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Asks this machine directly, whatever `http_proxy` says, and others as the environment
    says."""
    proxies = (
        urllib.request.ProxyHandler({}) if _is_loopback(url) else urllib.request.ProxyHandler()
    )
    return urllib.request.build_opener(proxies)


def _base(url: str | None) -> str:
    return (url or LOCAL_URL).rstrip("/")


def _listens(host: str | None, port: int | None) -> bool:
    with socket.socket() as probe:
        probe.settimeout(TIMEOUT_S)
        return probe.connect_ex((host or "", port or 80)) == 0


CHECKS: dict[str, Check] = {
    "configuration": check_configuration,
    "open to": check_openness,
    "mongodb": check_mongodb,
    "replica set": check_replica_set,
    "migrations": check_migrations,
    "restore": check_restore,
    "unique indexes": check_indexes,
    "redis": check_redis,
    "channel layer": check_channel_layer,
    "mail": check_mail,
    "disk": check_disk,
    "server": check_server,
    "websocket": check_websocket,
}
