"""`manage.py up`: the whole system with one command."""

import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from imsystem.embedded import UpError
from imsystem.embedded.supervisor import Options, Supervisor
from imsystem.env import DATA_DIR, integer


def port_number(text: str) -> int:
    if not 0 <= int(text) <= 65_535:
        raise ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def worker_count(text: str) -> int:
    if int(text) < 1:
        raise ArgumentTypeError("at least one worker")
    return int(text)


class Command(BaseCommand):
    help = (
        "Starts the whole system: databases (embedded unless MONGODB_URL and REDIS_URL are set), "
        "migrations, web workers. Ctrl-C or SIGTERM stops it; the data stays in --data-dir."
    )
    # The processes it starts run the checks, with the secrets and addresses it gives them.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=port_number, default=8000, help="0 takes a free port")
        parser.add_argument("--data-dir", type=Path, default=DATA_DIR, help="where the data stays")
        workers = integer("WEB_CONCURRENCY", 1, least=1)
        parser.add_argument("--workers", type=worker_count, default=workers, help="web processes")

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("host", "port", "data_dir", "workers")
        try:
            Supervisor(Options(**{name: options[name] for name in names})).run()
        except UpError as exc:
            self.stderr.write(f"error: {exc}")
            sys.exit(1)
        except OSError as exc:  # a full disk, a directory of somebody else
            self.stderr.write(f"error: {exc.strerror or exc}: {exc.filename or 'a file'}")
            sys.exit(1)
