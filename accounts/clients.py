"""What a client says it is (its User-Agent), in words for people: "Chrome on Windows".

Anybody, attackers included, can write anything into the header, and its words go into an e-mail to
the owner of the account. So the result has only letters and digits, nothing that a mail program
would turn into a link, and at most MAX_LENGTH characters; for programs other than browsers only the
first word counts.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from django.utils.translation import gettext as _

MAX_LENGTH = 60
_MAX_BROWSER, _MAX_SYSTEM = 32, 20  # " on " and its translations fit between them

_ODD = re.compile(r"[^A-Za-z0-9 .()-]+")
# Dots between digits only: versions keep theirs, "evil.example" is no longer an address.
_LOOSE_DOT = re.compile(r"(?<![0-9])\.|\.(?![0-9])")
# ua-parser tells the phone's Chrome from the desktop's by these; for people, the system says that.
_VARIANT = re.compile(r"(?:^Mobile | Mobile\b| iOS$| WebView$)")
_USUAL_NAMES = {"Mac OS X": "macOS", "WeChat Browser": "WeChat", "Mobile Safari UI/WKWebView": ""}


class Client(NamedTuple):
    """Browser or program, and operating system; "" for what is not known. No versions: an update
    does not make a new device."""

    program: str
    system: str


_PHONES = frozenset({"Android", "iOS", "Windows Phone", "HarmonyOS", "KaiOS"})


def is_phone(client: Client) -> bool:
    """Returns whether it runs on a phone or a tablet."""
    return client.system in _PHONES


def client_name(user_agent: str) -> str:
    """Returns the client in the active language: "Chrome on Windows", "curl", "Unknown device"."""
    program, system = client_of(user_agent)
    if program and system:
        return _("%(program)s on %(system)s") % {"program": program, "system": system}
    return program or system or _("Unknown device")


@lru_cache(maxsize=1024)
def client_of(user_agent: str) -> Client:
    """Returns the client, from its User-Agent."""
    if user_agent.startswith("Mozilla/"):
        program, system = _browser(user_agent)
    else:  # a program of its own: "python-httpx/0.28.1", "OurChat/2.0 (Android 15; Pixel 9)"
        program = user_agent.partition(" ")[0].partition("/")[0]
        system = _system(user_agent) if "(" in user_agent else ""
    program, system = _plain(program, _MAX_BROWSER), _plain(system, _MAX_SYSTEM)
    return Client("" if program == system else program, system)


def _browser(user_agent: str) -> tuple[str, str]:
    # Imported when the first browser signs in: 6 MB and 0.15 s a process
    # (docs/decisions/accounts.md).
    from ua_parser import parse_user_agent

    found = parse_user_agent(user_agent)
    family = found.family if found else ""
    return _USUAL_NAMES.get(family, _VARIANT.sub("", family)), _system(user_agent)


def _system(user_agent: str) -> str:
    from ua_parser import parse_os

    found = parse_os(user_agent)
    family = found.family if found else ""
    return _USUAL_NAMES.get(family, family)


def _plain(text: str, length: int) -> str:
    return " ".join(_LOOSE_DOT.sub(" ", _ODD.sub(" ", text)).split())[:length].strip()
