"""IMSystem's users, rooms and messages, many at once.

They are written in bulk through the models, before anybody is connected: the services would
announce each new member to all others. Nothing here is measured.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from bench.workloads import CROWD_ROOM_SIZE, CROWD_ROOMS, TEXT

BATCH = 2_000


@dataclass(frozen=True)
class Person:
    """A user with an access token."""

    identity: str
    token: str = field(repr=False)


def make_people(count: int) -> list[Person]:
    """Returns new users, signed in on one device. Nobody can sign in with their password."""
    from accounts.models import DeviceSession, User
    from accounts.tokens import make_tokens
    from imsystem.clock import now_ms
    from imsystem.ids import new_identity

    names = [f"b{new_identity()}" for _ in range(count)]
    users = [
        User(account=name, nickname=name, email=f"{name}@bench.invalid", password="!")
        for name in names
    ]
    User.objects.bulk_create(users, batch_size=BATCH)
    sessions = [
        DeviceSession(user=user, device="bench", ip="127.0.0.1", last_used_at=now_ms())
        for user in users
    ]
    DeviceSession.objects.bulk_create(sessions, batch_size=BATCH)
    return [Person(session.user_id, make_tokens(session).access) for session in sessions]


def renewed(person: Person) -> Person:
    """Returns the same with a new token: tokens are valid for 15 minutes, and filling a room takes
    longer."""
    from accounts.models import DeviceSession
    from accounts.tokens import make_tokens

    session = DeviceSession.objects.get(user_id=person.identity)
    return Person(person.identity, make_tokens(session).access)


def make_groups(casts: Sequence[Sequence[Person]]) -> list[str]:
    """Creates a group for each cast, owned by its first member, and returns the identities."""
    from rooms.choices import Kind, Role
    from rooms.models import Member, Room

    rooms = [Room(name="bench", creator_id=cast[0].identity, kind=Kind.GROUP) for cast in casts]
    Room.objects.bulk_create(rooms, batch_size=BATCH)
    members = [
        Member(room=room, user_id=person.identity, role=Role.OWNER if first == 0 else Role.MEMBER)
        for room, cast in zip(rooms, casts, strict=True)
        for first, person in enumerate(cast)
    ]
    Member.objects.bulk_create(members, batch_size=BATCH)
    return [room.identity for room in rooms]


def make_direct(pairs: Iterable[tuple[Person, Person]]) -> list[str]:
    """Creates the direct room of each pair and returns the identities."""
    from rooms.choices import Kind
    from rooms.identity import direct_identity
    from rooms.models import Member, Room

    found = [(direct_identity(one.identity, two.identity), one, two) for one, two in pairs]
    Room.objects.bulk_create(
        [Room(pk=room, creator_id=one.identity, kind=Kind.DIRECT) for room, one, _two in found],
        batch_size=BATCH,
    )
    Member.objects.bulk_create(
        [Member(room_id=room, user_id=person.identity) for room, *both in found for person in both],
        batch_size=BATCH,
    )
    return [room for room, _one, _two in found]


def make_crowd(count: int) -> tuple[list[Person], dict[str, list[str]]]:
    """Returns users who are each in CROWD_ROOMS groups of CROWD_ROOM_SIZE, with different others in
    each; and {identity of a user: their rooms}."""
    people = make_people(count)
    casts: list[list[Person]] = []
    for number in range(CROWD_ROOMS):
        mixed = random.Random(number).sample(people, count)
        casts += [
            mixed[start : start + CROWD_ROOM_SIZE] for start in range(0, count, CROWD_ROOM_SIZE)
        ]
    rooms: dict[str, list[str]] = {person.identity: [] for person in people}
    for room, members in zip(make_groups(casts), casts, strict=True):
        for person in members:
            rooms[person.identity].append(room)
    return people, rooms


def fill(rooms: Sequence[str], writer: Person, count: int) -> None:
    """Stores `count` messages in each of these empty rooms, as the journal stores them, and the
    rooms' checkpoints, from which the server finds their newest message."""
    from django.db import connection

    from rooms.models import Room

    database: Any = connection  # MongoDB's wrapper has more than the stubs know
    messages = database.get_collection("message_basic")
    documents = _documents(rooms, writer, count)
    while batch := list(islice(documents, BATCH)):
        messages.insert_many(batch, ordered=False)
    Room.objects.filter(pk__in=rooms).update(last_seq=count)


def _documents(rooms: Sequence[str], writer: Person, count: int) -> Iterator[dict[str, Any]]:
    from chat.kinds import Content
    from chat.payloads import new_document
    from imsystem.clock import now_ms

    for room in rooms:
        for seq in range(1, count + 1):
            yield new_document(
                room_identity=room,
                user_identity=writer.identity,
                client_id=f"fill.{seq}",
                seq=seq,
                content=Content(data=f"{seq} {TEXT}"),
                now=now_ms(),
            )
