"""REDIS_URL: one server, a Redis Cluster, or a primary that Sentinels name.

    redis://[user:password@]host[:6379][/0]                          or rediss:// with TLS, unix://
    redis+cluster://[user:password@]host[:6379],host…                or rediss+cluster://
    redis+sentinel://[user:password@]host[:26379],host…/service[/0]  or rediss+sentinel://

The Sentinels' own password is in the options: `?sentinel_username=…&sentinel_password=…`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from redis.connection import parse_url


class Kind(StrEnum):
    SERVER = "server"
    CLUSTER = "cluster"
    SENTINEL = "sentinel"


_DEFAULT_PORT = {Kind.SERVER: 6_379, Kind.CLUSTER: 6_379, Kind.SENTINEL: 26_379}
_SCHEMES = {
    "redis": (Kind.SERVER, False),
    "rediss": (Kind.SERVER, True),
    "redis+cluster": (Kind.CLUSTER, False),
    "rediss+cluster": (Kind.CLUSTER, True),
    "redis+sentinel": (Kind.SENTINEL, False),
    "rediss+sentinel": (Kind.SENTINEL, True),
}
_ESCAPE = "In user and password write special characters as %40 (@), %2F (/), %23 (#), %3F (?)."

Node = tuple[str, int]


@dataclass(frozen=True)
class RedisAddress:
    """What REDIS_URL says. `options`: the keyword arguments of redis-py's connections, with user,
    password and database; `sentinel_options`: those of connections to Sentinels."""

    kind: Kind
    url: str = field(repr=False)
    tls: bool = False
    nodes: tuple[Node, ...] = ()
    service: str = ""
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    sentinel_options: dict[str, Any] = field(default_factory=dict, repr=False)


def redis_address(url: str) -> RedisAddress:
    """Reads REDIS_URL. Raises ValueError with one line that does not hold the password."""
    scheme, separator, rest = url.partition("://")
    if scheme == "unix" and separator:
        return RedisAddress(Kind.SERVER, url)
    if scheme not in _SCHEMES or not separator:
        raise ValueError(
            "REDIS_URL begins with none of redis://, rediss://, unix://, redis+cluster://, "
            "rediss+cluster://, redis+sentinel:// and rediss+sentinel://."
        )
    kind, tls = _SCHEMES[scheme]
    authority, tail = _split(rest)
    user, at, hosts = authority.rpartition("@")
    nodes = tuple(_node(text, kind) for text in hosts.split(","))
    if kind is Kind.SERVER:
        if len(nodes) > 1:
            raise ValueError(
                "REDIS_URL names several servers: write redis+cluster:// or redis+sentinel://."
            )
        return RedisAddress(kind, url, tls, nodes)
    path, _question, query = tail.partition("?")
    service, database = _service_and_database(kind, path.strip("/"))
    read: Any = parse_url
    options: dict[str, Any] = read(f"redis://{user}{at}host/{database}?{query}")
    del options["host"]
    return RedisAddress(kind, url, tls, nodes, service, *_sorted_out(options))


def _sorted_out(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns (those of the servers, those of the Sentinels); TLS is the same for both."""
    prefix = "sentinel_"
    ours = {name: value for name, value in options.items() if not name.startswith(prefix)}
    theirs = {
        name.removeprefix(prefix): value
        for name, value in options.items()
        if name.startswith((prefix, "ssl_"))
    }
    return ours, theirs


def _split(rest: str) -> tuple[str, str]:
    """Returns (user and hosts, path and options)."""
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    if "@" in rest[end:]:
        raise ValueError(f"REDIS_URL cannot be read. {_ESCAPE}")
    return rest[:end], rest[end:]


def _node(text: str, kind: Kind) -> Node:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"REDIS_URL has a host or port that cannot be read. {_ESCAPE}") from None
    if not host:
        raise ValueError("REDIS_URL names no host.")
    return host, port or _DEFAULT_PORT[kind]


def _service_and_database(kind: Kind, path: str) -> tuple[str, str]:
    service, _slash, database = path.partition("/")
    if kind is Kind.CLUSTER:
        if path not in ("", "0"):
            raise ValueError("REDIS_URL names a database, and a Redis Cluster has only one.")
        return "", ""
    if not service:
        raise ValueError("REDIS_URL names no service: write redis+sentinel://host,host/service.")
    if database and not database.isdigit():
        raise ValueError("REDIS_URL has a database that is not a number.")
    return service, database
