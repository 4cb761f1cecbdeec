"""`manage.py doctor`: looks at everything the system needs and says what is wrong."""

import sys
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.table import Table

from imsystem.health.diagnosis import CHECKS, LOCAL_URL, Finding, State, examine

LOG_WIDTH = 160  # not a terminal: no line breaks inside a detail
COLOURS = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "bold red", State.SKIPPED: ""}


class Command(BaseCommand):
    help = (
        "Checks databases, indexes, mail, channel layer, socket and disk. Exit code 1 on failure."
    )
    # One of the checks: doctor has to run when they fail.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help=f"the running server (tried anyway: {LOCAL_URL})")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = [examine(name, check, options["url"]) for name, check in CHECKS.items()]
        width = None if self.stdout.isatty() else LOG_WIDTH
        Console(file=cast(IO[str], self.stdout), width=width).print(table(findings))
        if any(finding.state is State.FAILED for finding in findings):
            sys.exit(1)


def table(findings: list[Finding]) -> Table:
    made = Table("check", "state", "detail", box=None, pad_edge=False)
    for name, state, detail in findings:
        made.add_row(name, f"[{COLOURS[state]}]{state}[/]" if COLOURS[state] else state, detail)
    return made
