"""`manage.py seed_demo`: people, rooms and dialogues to look at, made as users would make them.

Everything goes through the services. Running it again adds only what is missing: people are known
by their address, groups by their name, messages by their client_id.
"""

import asyncio
import secrets
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from accounts.models import User
from accounts.selectors import find_by_sign_in_name
from accounts.services import add_user
from chat import inbox
from chat.kinds import Content
from chat.management.commands import _demo_texts as texts
from chat.services import mark_read, submit_message
from imsystem.env import env
from imsystem.errors import Forbidden, NotFound, Unavailable
from imsystem.limits import lifted
from imsystem.loops import run_on_loop
from imsystem.outage import is_outage
from rooms.services import create_group, open_direct

SIGN_INS = 3  # the first people of the list have a password: alice, bob, carol
OTHERS_IN_A_GROUP = 5
LEFT_UNREAD = 3  # messages of each group that alice has still to read
BATCH = 50


@dataclass(frozen=True)
class Conversation:
    """A room and who speaks in it, in the order of the texts."""

    room_identity: str
    people: Sequence[User]

    def speaker(self, position: int) -> User:
        return self.people[position % len(self.people)]


# Number, who speaks, text.
Line = tuple[int, tuple[int, str]]


def at_least(minimum: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if int(text) < minimum:
            raise ArgumentTypeError(f"at least {minimum}")
        return int(text)

    return number


class Command(BaseCommand):
    # It needs no keys, and without databases it says so itself.
    requires_system_checks: list[str] = []
    help = "Makes a demo world: people, groups and short dialogues. Prints who can sign in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--users", type=at_least(SIGN_INS), default=20)
        parser.add_argument("--rooms", type=at_least(1), default=5, help="groups")
        parser.add_argument("--messages", type=at_least(0), default=200, help="in all rooms")
        parser.add_argument("--yes", action="store_true", help="also in a database of your own")

    def handle(self, *args: Any, **options: Any) -> None:
        with _one_line_on_outage(), lifted():
            _check_place(confirmed=options["yes"])
            password = secrets.token_urlsafe(9)
            with _progress(silent=options["verbosity"] == 0) as progress:
                people = _people(progress, options["users"], password)
                rooms = _conversations(progress, people, options["rooms"])
                _talk(progress, rooms, options["messages"])
        signed_in = _sign_ins(people[:SIGN_INS], password)
        Console(file=cast(IO[str], self.stdout), width=100).print(signed_in)


@contextmanager
def _one_line_on_outage() -> Iterator[None]:
    try:
        yield
    except Exception as exc:
        if isinstance(exc, Unavailable) or is_outage(exc):
            message = (
                "The databases are not responding. Start the system first: python manage.py up"
            )
            raise CommandError(message) from exc
        raise


def _check_place(*, confirmed: bool) -> None:
    """The embedded databases are for trying things out; other ones may hold real people."""
    if not (settings.DEBUG or confirmed) and env.str("MONGODB_URL", default=""):
        raise CommandError("This would add people to the database at MONGODB_URL. Sure? Add --yes")
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError("The database is not set up. Run first: python manage.py migrate")


def _progress(*, silent: bool) -> Progress:
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=Console(stderr=True), disable=silent)


def _people(progress: Progress, number: int, password: str) -> list[User]:
    """The first `number` people, new or from an earlier run.

    A name that somebody else here has is passed over: the demo does not speak for real people.
    """
    found: list[User] = []
    bar = progress.add_task("people", total=number)
    for account, nickname in texts.people():
        email = f"{account}@{texts.MAIL_DOMAIN}"
        user = find_by_sign_in_name(account)
        if user is None:
            signs_in = len(found) < SIGN_INS
            user = add_user(
                account=account,
                email=email,
                nickname=nickname,
                password=password if signs_in else None,
            )
        if user.email == email and user.is_active:
            found.append(user)
            progress.advance(bar)
        if len(found) == number:
            break
    return found


def _conversations(progress: Progress, people: list[User], number: int) -> list[Conversation]:
    """The groups, with the first three in each, and what alice has with the two others."""
    first, others = people[:SIGN_INS], people[SIGN_INS:]
    bar = progress.add_task("rooms", total=number + SIGN_INS - 1)
    made: list[Conversation] = []
    for position, (name, info) in enumerate(texts.rooms(number)):
        start = position * OTHERS_IN_A_GROUP
        circle = [others[(start + step) % len(others)] for step in range(len(others))]
        members = [*first, *circle[:OTHERS_IN_A_GROUP]]
        made.append(Conversation(_group(name, info, members), members))
        progress.advance(bar)
    for peer in first[1:]:
        room, _created = open_direct(user=first[0], peer_identity=peer.identity, inbox=inbox)
        made.append(Conversation(room.identity, [first[0], peer]))
        progress.advance(bar)
    return made


def _group(name: str, info: str, members: Sequence[User]) -> str:
    creator = members[0]
    for known in inbox.room_list(creator):
        if (known["name"], known["user_identity"]) == (name, creator.identity):
            return known["identity"]
    identities = [member.identity for member in members]
    return create_group(creator=creator, name=name, info=info, members=identities).identity


def _talk(progress: Progress, conversations: Sequence[Conversation], total: int) -> None:
    bar = progress.add_task("messages", total=total)
    shares = texts.shares(total, len(conversations))
    for position, (conversation, share) in enumerate(zip(conversations, shares, strict=True)):
        lines = list(enumerate(texts.lines(position, share)))
        for start in range(0, share, BATCH):
            batch = lines[start : start + BATCH]
            run_on_loop(_say(conversation, batch))
            progress.advance(bar, len(batch))
        run_on_loop(_read(conversation, share, _read_by_alice(conversation, lines)))


async def _say(conversation: Conversation, lines: Sequence[Line]) -> None:
    """Sends the lines in their order. Who has left the room or is muted is passed over."""
    waiting = []
    for number, (position, text) in lines:
        speaker = conversation.speaker(position)
        try:
            sent = await submit_message(
                user_identity=speaker.identity,
                room_identity=conversation.room_identity,
                client_id=f"demo-{number}",
                content=Content(data=text),
            )
        except (NotFound, Forbidden):
            continue
        waiting.append(sent)
    await asyncio.gather(*waiting)


def _read_by_alice(conversation: Conversation, lines: Sequence[Line]) -> int:
    """The seq before the last few messages of others."""
    alice = conversation.people[0]
    others = [number for number, (who, _) in lines if conversation.speaker(who) != alice]
    return others[-LEFT_UNREAD] if len(others) >= LEFT_UNREAD else 0


async def _read(conversation: Conversation, last: int, by_alice: int) -> None:
    """All have read everything but alice, who finds a few new messages."""
    for position, user in enumerate(conversation.people):
        seq = last if position else by_alice
        try:
            await mark_read(
                user_identity=user.identity, room_identity=conversation.room_identity, seq=seq
            )
        except NotFound:
            continue


def _sign_ins(people: Sequence[User], password: str) -> Table:
    """Who can sign in. People of an earlier run keep their password, which nobody can look up."""
    table = Table("account", "nickname", "password", box=None, pad_edge=False)
    for user in people:
        new = user.check_password(password)
        table.add_row(user.account, user.nickname, password if new else "(as printed before)")
    return table
