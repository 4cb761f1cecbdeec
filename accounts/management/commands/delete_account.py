"""`manage.py delete_account ACCOUNT`: ends an account and erases its personal data.

It also finishes a deletion that was interrupted.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.selectors import find_by_sign_in_name
from accounts.services import delete_account
from imsystem.errors import Forbidden
from imsystem.outage import is_outage


class Command(BaseCommand):
    help = "Deletes an account for good: personal data goes, messages stay without a name."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="account name or e-mail address")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._delete(options["account"], asks=not options["yes"])
        except Exception as exc:
            if is_outage(exc):
                message = "The databases are not responding. Is the system running?"
                raise CommandError(message) from exc
            raise

    def _delete(self, account: str, *, asks: bool) -> None:
        user = find_by_sign_in_name(account)
        if user is None or user.deleted_at is not None:
            raise CommandError(f"There is nobody called {account!r}.")
        if asks and input(f"Type {user.account} to delete it for good: ").strip() != user.account:
            raise CommandError("Nothing is deleted.")
        name = user.account
        try:
            delete_account(user=user)
        except Forbidden as exc:
            raise CommandError(str(exc.detail)) from None
        self.stdout.write(f"{name} is deleted.")
