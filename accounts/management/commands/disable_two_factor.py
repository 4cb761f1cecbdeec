"""`manage.py disable_two_factor ACCOUNT`: the way back in for an administrator who has lost
everything.

For other users an administrator does it in Django admin.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.selectors import find_by_sign_in_name
from accounts.services import remove_two_factor
from imsystem.outage import is_outage


class Command(BaseCommand):
    help = "Switches a person's two-factor authentication off. They get a mail that says so."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="account name or e-mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._switch_off(options["account"])
        except Exception as exc:
            if is_outage(exc):
                message = "The databases are not responding. Is the system running?"
                raise CommandError(message) from exc
            raise

    def _switch_off(self, account: str) -> None:
        user = find_by_sign_in_name(account)
        if user is None:
            raise CommandError(f"There is nobody called {account!r}.")
        if not remove_two_factor(user=user):
            raise CommandError(f"Two-factor authentication of {user.account} is not on.")
        self.stdout.write(f"Two-factor authentication of {user.account} is off.")
