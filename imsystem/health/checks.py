"""System checks: a wrong configuration is refused with a hint, before anything is served.

Errors stop `up`; warnings are printed by it and by `doctor`. Trial mode (`make run`: only this
machine) gets no warnings: it needs no HTTPS and sends no mail.
"""

import os
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from imsystem.mail.delivery import sender_domain

LOOPBACK = {"localhost", "127.0.0.1", "[::1]", ".localhost"}
# Backends that deliver mail to nobody.
TRIAL_MAIL = ("console", "filebased", "locmem", "dummy", "FileBackend")
# 10.0.0.0/8 and fd00::/8 are the largest networks that can be somebody's own.
SHORTEST_PREFIX = 8


def serves_others() -> bool:
    """People on other machines use it."""
    return settings.HTTPS or not set(settings.ALLOWED_HOSTS) <= LOOPBACK


def is_production() -> bool:
    return not settings.DEBUG and serves_others()


@register()
def check_secrets(**kwargs: Any) -> list[CheckMessage]:
    """Production (DEBUG off) needs secrets of its own."""
    if settings.DEBUG:
        return []
    return [
        Error(
            f"{name} is not set.",
            hint=f"Set {name} (or {name}_FILE) to 50 random characters; `manage.py up` makes one.",
            id=f"imsystem.E00{number}",
        )
        for number, name in enumerate(("SECRET_KEY", "JWT_SIGNING_KEY"), start=1)
        if getattr(settings, name) == settings.INSECURE_KEY or len(getattr(settings, name)) < 32
    ]


@register()
def check_secrets_differ(**kwargs: Any) -> list[CheckMessage]:
    """Somebody who learns one key must not have the other: tokens and cookies are signed
    separately."""
    if settings.DEBUG or settings.SECRET_KEY != settings.JWT_SIGNING_KEY:
        return []
    hint = "Set JWT_SIGNING_KEY to 50 other random characters."
    return [Error("JWT_SIGNING_KEY is SECRET_KEY.", hint=hint, id="imsystem.E004")]


@register()
def check_hosts(**kwargs: Any) -> list[CheckMessage]:
    """`ALLOWED_HOSTS=*` would let any Host header into links and origin checks."""
    if settings.DEBUG or "*" not in settings.ALLOWED_HOSTS:
        return []
    hint = "Name the hosts people use: ALLOWED_HOSTS=chat.example.org"
    return [Error("ALLOWED_HOSTS is *.", hint=hint, id="imsystem.E003")]


@register()
def check_origins(**kwargs: Any) -> list[CheckMessage]:
    """An origin that no browser sends would refuse every form and socket."""
    return [
        Error(
            f"CSRF_TRUSTED_ORIGINS names {origin!r}, which is no origin.",
            hint="Scheme and host, nothing after: CSRF_TRUSTED_ORIGINS=https://chat.example.org",
            id="imsystem.E005",
        )
        for origin in settings.CSRF_TRUSTED_ORIGINS
        if not _is_origin(origin)
    ]


def _is_origin(text: str) -> bool:
    scheme, _separator, host = text.partition("://")
    return scheme in ("http", "https") and bool(host) and not set(host) & set("/?# @")


@register()
def check_proxies(**kwargs: Any) -> list[CheckMessage]:
    """Trusted proxies decide what a client's address is, so limits hang on them."""
    hint = "Name the proxy's address or its network: TRUSTED_PROXIES=10.0.0.5"
    return [
        Error(f"TRUSTED_PROXIES names {proxy!r}, which {fault}.", hint=hint, id="imsystem.E006")
        for proxy in settings.TRUSTED_PROXIES
        if (fault := _fault_of_proxy(proxy))
    ]


def _fault_of_proxy(proxy: str) -> str:
    if proxy == "*":
        return "is everybody"
    try:
        network = ip_network(proxy)
    except ValueError:  # a name too: uvicorn would compare it with addresses, without success
        return "is neither an address nor a network"
    return "is nearly everybody" if network.prefixlen < SHORTEST_PREFIX else ""


@register()
def check_debug(**kwargs: Any) -> list[CheckMessage]:
    """Visitors would read tracebacks, settings and addresses."""
    if not settings.DEBUG or not serves_others():
        return []
    hint = "Remove DEBUG=on, or ALLOWED_HOSTS and CSRF_TRUSTED_ORIGINS: others use these."
    return [Error("DEBUG is on where others see it.", hint=hint, id="imsystem.E008")]


@register()
def check_hsts(**kwargs: Any) -> list[CheckMessage]:
    """An unknown word must not silently mean less than was asked for."""
    if settings.HSTS in ("off", "host", "subdomains", "preload"):
        return []
    hint = "HSTS is one of off, host, subdomains, preload."
    return [Error(f"HSTS is {settings.HSTS!r}.", hint=hint, id="imsystem.E007")]


@register()
def check_limits(**kwargs: Any) -> list[CheckMessage]:
    """Limits are switched off for load tests only."""
    if settings.RATE_LIMITS:
        return []
    hint = "Remove RATE_LIMITS=off from the environment."
    return [Warning("Rate limits are off.", hint=hint, id="imsystem.W001")]


@register()
def check_failpoints(**kwargs: Any) -> list[CheckMessage]:
    """Tests kill processes with them; a server in use has none."""
    if settings.DEBUG or not settings.FAILPOINTS:
        return []
    hint = "Remove FAILPOINTS from the environment."
    return [Error("FAILPOINTS is set.", hint=hint, id="imsystem.E009")]


@register()
def check_https(**kwargs: Any) -> list[CheckMessage]:
    """Without HTTPS, passwords and messages can be read on the way."""
    if settings.HTTPS or not is_production():
        return []
    hint = "Put a proxy with HTTPS in front and set CSRF_TRUSTED_ORIGINS=https://…"
    return [Warning("People use it without HTTPS.", hint=hint, id="imsystem.W002")]


@register()
def check_mail(**kwargs: Any) -> list[CheckMessage]:
    """Nobody can register when codes do not arrive."""
    if not is_production() or not any(name in settings.EMAIL_BACKEND for name in TRIAL_MAIL):
        return []
    hint = "Set EMAIL_URL=smtp+tls://user:password@host:587"
    return [Warning("Mail, so every code, reaches nobody.", hint=hint, id="imsystem.W003")]


@register()
def check_sender(**kwargs: Any) -> list[CheckMessage]:
    """Mail servers refuse senders of a domain that does not exist, or file them as spam."""
    if not settings.EMAIL_BACKEND.endswith("SmtpBackend") or "." in sender_domain():
        return []
    hint = "Set DEFAULT_FROM_EMAIL=IMSystem <noreply@example.org>, with a domain of yours."
    return [Warning("DEFAULT_FROM_EMAIL has no real domain.", hint=hint, id="imsystem.W006")]


@register()
def check_replica_set(**kwargs: Any) -> list[CheckMessage]:
    """On a single server `majority` means one disk. `doctor` asks the server itself."""
    if not is_production() or not _names_single_server(settings.MONGODB_URL):
        return []
    hint = "Add ?replicaSet=rs0, and start mongod with --replSet."
    return [Warning("MONGODB_URL names a single server.", hint=hint, id="imsystem.W004")]


def _names_single_server(url: str) -> bool:
    """mongodb+srv:// finds its set, several hosts are one (or a cluster's routers), and the
    embedded one, which `up` names by a direct connection on this machine, speaks for itself."""
    parts = urlsplit(url)
    options = {name.lower() for name in parse_qs(parts.query)}
    hosts = parts.netloc.rpartition("@")[2].split(",")
    is_embedded = "directconnection" in options and hosts[0].startswith("127.0.0.1:")
    return (
        parts.scheme == "mongodb"
        and len(hosts) == 1
        and "replicaset" not in options
        and not is_embedded
    )


@register()
def check_data_dir(**kwargs: Any) -> list[CheckMessage]:
    """`up` keeps its secrets, lock and embedded databases there."""
    places = [settings.DATA_DIR, *settings.DATA_DIR.parents]
    nearest = next(place for place in places if place.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return []
    hint = "Set DATA_DIR to a directory that the user of this process may write to."
    return [Warning(f"Cannot write to {settings.DATA_DIR}.", hint=hint, id="imsystem.W005")]
