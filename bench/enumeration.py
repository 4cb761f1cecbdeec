"""Does the time of an answer tell who has an account? `python -m bench.enumeration` measures it.

It asks a system of its own, in turn for known and for unknown names, and compares the medians. They
may differ by a tenth (ASVS 6.3.8 asks for "no deducible difference" without a figure); the exit
code is 1 when one differs by more. A timing is not a test for a suite: other work on the machine
would make it fail.
"""

import http.client
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.system import running_system

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imsystem.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")

PAIRS = 120
MOST = 0.10
PASSWORD = "correct horse battery"

Body = Callable[[str], dict[str, str]]


@dataclass(frozen=True)
class Case:
    """One route, with bodies for a name that has an account and for one that has none."""

    name: str
    path: str
    status: int
    body: Body
    known: str = "known"


def _code(purpose: str) -> Body:
    return lambda name: {"email": f"{name}@bench.example.org", "purpose": purpose}


def _sign_in(name: str) -> dict[str, str]:
    return {"account": name, "password": "not the password"}


def _reset(name: str) -> dict[str, str]:
    return {"email": f"{name}@bench.example.org", "code": "000000", "password": "a new battery"}


def _register(name: str) -> dict[str, str]:
    return _reset(name) | {"account": f"new-{name}"}


CASES = [
    Case("code to register", "code/", 202, _code("register")),
    Case("code to reset", "code/", 202, _code("reset")),
    Case("code to change the address", "code/", 202, _code("change_email")),
    Case("sign-in, wrong password", "login/", 401, _sign_in),
    Case("sign-in, deactivated account", "login/", 401, _sign_in, known="gone"),
    Case("reset, wrong code", "password/reset/", 400, _reset),
    Case("register, wrong code", "register/", 400, _register),
]


class Caller:
    """One connection to the system, kept open: connecting would be most of the time."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def seconds(self, case: Case, name: str) -> float:
        """Returns how long the answer took; stops the run when it is not the one the case
        expects."""
        body = json.dumps(case.body(name))
        started = time.perf_counter()
        headers = {"Content-Type": "application/json"}
        self.connection.request("POST", f"/api/v1/auth/{case.path}", body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        taken = time.perf_counter() - started
        if answer.status != case.status:
            raise SystemExit(f"{case.name}: {answer.status} {text.decode()[:200]}")
        return taken


def make_people() -> None:
    """`known0`... with a password, and `gone0`..., who are deactivated."""
    import django

    django.setup()
    from accounts.models import User
    from accounts.services import add_user

    for number in track(range(PAIRS), description="people", transient=True):
        for kind in ("known", "gone"):
            name = f"{kind}{number}"
            user = add_user(account=name, email=f"{name}@bench.example.org", password=PASSWORD)
            if kind == "gone":
                User.objects.filter(pk=user.pk).update(is_active=False)


def medians(caller: Caller, case: Case) -> tuple[float, float]:
    """Seconds for known and for unknown names, asked in turn after a few to warm up."""
    known, unknown = [], []
    for number in track(range(PAIRS), description=case.name, transient=True):
        known.append(caller.seconds(case, f"{case.known}{number}"))
        unknown.append(caller.seconds(case, f"nobody{number}"))
    return statistics.median(known[10:]), statistics.median(unknown[10:])


def measure(url: str) -> Iterator[tuple[Case, float, float]]:
    caller = Caller(url)
    for case in CASES:
        yield case, *medians(caller, case)


def main() -> int:
    worst = 0.0
    table = Table("answer", "known ms", "unknown ms", "difference", title=f"{PAIRS} of each")
    with running_system(workers=1) as url:
        make_people()
        for case, known, unknown in measure(url):
            difference = abs(known - unknown) / min(known, unknown)
            worst = max(worst, difference)
            figures = (f"{known * 1000:.2f}", f"{unknown * 1000:.2f}", f"{difference:.1%}")
            table.add_row(case.name, *figures)
    Console(width=100).print(table)
    return 1 if worst > MOST else 0


if __name__ == "__main__":
    sys.exit(main())
