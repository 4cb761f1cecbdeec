"""Two groups with somebody in every role, shared by all tests that change nothing."""

import time
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.test import Client

from accounts.models import User
from chat.models import Message
from chat.services import send_message
from imsystem.clock import now_ms
from imsystem.loops import run_on_loop
from rooms import services
from rooms.choices import Role
from rooms.models import Ban, Member, Room
from tests.api import Api
from tests.conftest import new_user

INSIDERS = ["owner", "admin", "deputy", "member", "muted", "kicked", "left", "peer"]


@dataclass
class Place:
    """A group, its users by role, a message of each, and their clients."""

    room: Room
    people: dict[str, User]
    messages: dict[str, str] = field(default_factory=dict)
    clients: dict[str, Api] = field(default_factory=dict)
    browsers: dict[str, Client] = field(default_factory=dict)
    made_at: float = field(default_factory=time.monotonic)

    def client(self, role: str) -> Api:
        if role not in self.clients:
            self.clients[role] = Api(self.people.get(role))
        return self.clients[role]

    def names(self, role: str) -> dict[str, str]:
        """Returns what the placeholders of the tables stand for, as `role` sees it."""
        return {
            "room": self.room.pk,
            "number": self.room.number,
            "own": self.messages.get(role, self.messages["peer"]),
            "others": self.messages["peer"],
            "newcomer": self.people["outsider"].pk,
            "newcomer_account": self.people["outsider"].account,
            "hermit": self.people["hermit"].pk,
            "hermit_account": self.people["hermit"].account,
            "kicked": self.people["kicked"].pk,
            "kicked_account": self.people["kicked"].account,
            "banned": self.people["banned"].pk,
            "banned_account": self.people["banned"].account,
            "peer": self.people["peer"].pk,
            "deputy": self.people["deputy"].pk,
            "boss": self.people["owner"].pk,
        }


def make_place() -> Place:
    people = {name: new_user(name) for name in [*INSIDERS, "outsider", "staff", "hermit", "banned"]}
    User.objects.filter(pk=people["hermit"].pk).update(who_may_add="nobody")
    User.objects.filter(pk=people["staff"].pk).update(is_staff=True, is_superuser=True)
    people["staff"].refresh_from_db()
    members = [people[name].pk for name in INSIDERS]
    room = services.create_group(creator=people["owner"], name="Kitchen", members=members)
    place = Place(room, people)
    for name in INSIDERS:
        place.messages[name] = say(people[name], room)
    change = {"user": people["owner"], "room_identity": room.pk}
    for name in ("admin", "deputy"):
        services.change_member(**change, peer_identity=people[name].pk, role=Role.ADMIN)
    until = now_ms() + 3_600_000
    services.change_member(**change, peer_identity=people["muted"].pk, muted_until=until)
    services.remove_member(**change, peer_identity=people["kicked"].pk)
    services.ban(**change, peer_identity=people["banned"].pk)
    services.change_member(**change, peer_identity=people["peer"].pk, role=Role.OWNER)  # offered
    services.leave(user=people["left"], room_identity=room.pk)
    return place


def say(user: User, room: Room) -> str:
    sent = send_message(user_identity=user.pk, room_identity=room.pk, client_id="1", data="hello")
    return run_on_loop(sent).message["identity"]


known_places: dict[str, Place] = {}


def place(name: str) -> Place:
    """ "home" or "foreign": shared by all tests, and made anew when a test has changed it or its
    messages become too old to be recalled."""
    known = known_places.get(name)
    if known is None or time.monotonic() - known.made_at > 60:
        known = known_places[name] = make_place()
    return known


def places() -> tuple[Place, Place]:
    return place("home"), place("foreign")


def forget(name: str) -> None:
    known_places.pop(name, None)


def stored() -> list[Any]:
    """Returns everything that a refused request must not touch (except the checkpoint, which is
    written later)."""
    rooms = {"$in": [made.room.pk for made in known_places.values()]}
    found = []
    of_room = [(model, "room_identity") for model in (Member, Message, Ban)]
    for model, key in [(Room, "_id"), *of_room]:
        # Without the ORM, which takes four times as long.
        documents = connection.get_collection(model._meta.db_table)
        found.append(sorted(map(str, documents.find({key: rooms}, {"last_seq": False}))))
    return [Room.objects.count(), *found]
