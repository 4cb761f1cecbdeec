"""`manage.py backup PLACE`: everything the system holds, while it runs (docs/operations.md)."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import translation
from django.utils.translation import gettext as _

from imsystem.backup.archive import whole_amount
from imsystem.backup.progress import Progress, one_line, terminal_language
from imsystem.backup.writer import write_backup


class Command(BaseCommand):
    help = (
        "Writes a backup of all collections and files to a directory, or to a file NAME.tar, while "
        "the system runs. Goes on with one that was interrupted."
    )
    # It changes nothing, and has to work when the configuration does not.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("place", type=Path, help="a new directory, or a file NAME.tar")

    def handle(self, *args: Any, **options: Any) -> None:
        place = options["place"].absolute()
        progress = Progress(self.stdout.write, silent=options["verbosity"] == 0)
        with translation.override(terminal_language()), one_line():
            with progress:
                manifest = write_backup(place, progress)
            text = _("Backup finished: %(place)s, %(amount)s. Keep it as safe as your passwords.")
            self.stdout.write(text % {"place": place, "amount": whole_amount(manifest)})
