"""`manage.py restore PLACE`: a backup becomes the system (docs/operations.md).

Also the way from the embedded database to a real one: MONGODB_URL=… manage.py restore PLACE.
"""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from imsystem.backup.archive import whole_amount
from imsystem.backup.progress import Progress, one_line, terminal_language
from imsystem.backup.restorer import restore, same_key

OTHER_KEY = gettext_noop(
    "Warning: SECRET_KEY differs from the one the backup was made with. "
    "Set that key, or add it to SECRET_KEY_FALLBACKS: without it, users "
    "with two-factor authentication cannot sign in, and everybody else has "
    "to sign in again."
)


class Command(BaseCommand):
    help = (
        "Checks a backup and fills the database with it, which has to be empty. Goes on with a "
        "restore that was interrupted."
    )
    # The databases may be all there is yet.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("place", type=Path, help="what `manage.py backup` wrote")
        parser.add_argument(
            "--replace", action="store_true", help="erase what the database holds before"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        place = options["place"].absolute()
        progress = Progress(self.stdout.write, silent=options["verbosity"] == 0)
        with translation.override(terminal_language()), one_line():
            with progress:
                manifest = restore(place, progress, replace=options["replace"])
            text = _("Everything has been restored: %(amount)s. Now start or restart the system.")
            self.stdout.write(text % {"amount": whole_amount(manifest)})
            if not same_key(manifest):
                self.stderr.write(_(OTHER_KEY))
