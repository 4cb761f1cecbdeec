"""Who may do what: one table, run over REST and over the socket, with own and foreign rooms.

A column is a role in the room, a row an action. `ok`; 401 not signed in (socket: closed with
4401); 404 hidden, exactly as if it did not exist; 403 visible, but not allowed; `muted` the 403 of
muted members. In a room of others everybody is an outsider. What is refused changes nothing.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from chat.models import Message
from chat.services import send_message
from imsystem.clock import now_ms
from imsystem.loops import run_on_loop
from imsystem.redis import sync_redis
from imsystem.threads import run_in_thread
from rooms import services
from rooms.choices import Role
from rooms.models import Member, Room
from tests.api import NOT_FOUND, Api
from tests.conftest import KEPT, new_user
from tests.sockets import Socket, communicator_of, socket_of

TABLE = """
action                anonymous  outsider  member  muted  kicked  admin  owner
look up the number    401        ok        ok      ok     ok      ok     ok
join                  401        ok        ok      ok     ok      ok     ok
see the room          401        404       ok      ok     404     ok     ok
see the members       401        404       ok      ok     404     ok     ok
read history          401        404       ok      ok     404     ok     ok
sync                  401        404       ok      ok     404     ok     ok
send                  401        404       ok      muted  404     ok     ok
reply                 401        404       ok      muted  404     ok     ok
typing                401        404       ok      muted  404     ok     ok
move the read mark    401        404       ok      ok     404     ok     ok
edit own              401        404       ok      muted  404     ok     ok
edit another's        401        404       403     muted  404     403    403
recall own            401        404       ok      ok     404     ok     ok
recall another's      401        404       403     403    404     ok     ok
add a member          401        404       403     403    404     ok     ok
add who refuses       401        404       403     403    404     403    403
mute a member         401        404       403     403    404     ok     ok
mute an admin         401        404       403     403    404     403    ok
kick a member         401        404       403     403    404     ok     ok
kick an admin         401        404       403     403    404     403    ok
kick the owner        401        404       403     403    404     403    403
promote               401        404       403     403    404     403    ok
demote                401        404       403     403    404     403    ok
hand over             401        404       403     403    404     403    ok
rename                401        404       403     403    404     ok     ok
delete the room       401        404       403     403    404     403    ok
leave                 401        404       ok      ok     404     ok     403
"""
HEADER, *ROWS = [line.split("  ") for line in TABLE.strip().splitlines()]
ROLES = [cell.strip() for cell in HEADER if cell.strip()][1:]
CELLS = {
    (cells[0], role): outcome
    for row in ROWS
    for cells in [[cell.strip() for cell in row if cell.strip()]]
    for role, outcome in zip(ROLES, cells[1:], strict=True)
}
# These need no membership: knowing the room is enough.
FOR_ALL = {"look up the number", "join"}

REST: dict[str, tuple[str, str, Any]] = {
    "look up the number": ("GET", "rooms/lookup/?number={number}", None),
    "join": ("POST", "rooms/{room}/join/", None),
    "see the room": ("GET", "rooms/{room}/", None),
    "see the members": ("GET", "rooms/{room}/members/", None),
    "read history": ("GET", "rooms/{room}/messages/", None),
    "send": ("POST", "rooms/{room}/messages/", {"client_id": "c", "data": "x"}),
    "reply": (
        "POST",
        "rooms/{room}/messages/",
        {"client_id": "r", "data": "x", "reply_to": "{others}"},
    ),
    "move the read mark": ("POST", "rooms/{room}/read/", {"seq": 1}),
    "edit own": ("PATCH", "messages/{own}/", {"data": "x"}),
    "edit another's": ("PATCH", "messages/{others}/", {"data": "x"}),
    "recall own": ("DELETE", "messages/{own}/", None),
    "recall another's": ("DELETE", "messages/{others}/", None),
    "add a member": ("POST", "rooms/{room}/members/", {"user_identity": "{newcomer}"}),
    "add who refuses": ("POST", "rooms/{room}/members/", {"user_identity": "{hermit}"}),
    "mute a member": ("PATCH", "rooms/{room}/members/{peer}/", {"muted_until": 2**50}),
    "mute an admin": ("PATCH", "rooms/{room}/members/{deputy}/", {"muted_until": 2**50}),
    "kick a member": ("DELETE", "rooms/{room}/members/{peer}/", None),
    "kick an admin": ("DELETE", "rooms/{room}/members/{deputy}/", None),
    "kick the owner": ("DELETE", "rooms/{room}/members/{boss}/", None),
    "promote": ("PATCH", "rooms/{room}/members/{peer}/", {"role": "admin"}),
    "demote": ("PATCH", "rooms/{room}/members/{deputy}/", {"role": "member"}),
    "hand over": ("PATCH", "rooms/{room}/members/{peer}/", {"role": "owner"}),
    "rename": ("PATCH", "rooms/{room}/", {"name": "Mine"}),
    "delete the room": ("DELETE", "rooms/{room}/", None),
    "leave": ("POST", "rooms/{room}/leave/", None),
}
SOCKET: dict[str, tuple[str, dict[str, Any]]] = {
    "sync": ("sync", {"rooms": {"{room}": {"seq": 0}}}),
    "send": ("message.send", {"room_identity": "{room}", "client_id": "c", "data": "x"}),
    "reply": (
        "message.send",
        {"room_identity": "{room}", "client_id": "r", "data": "x", "reply_to": "{others}"},
    ),
    "typing": ("typing", {"room_identity": "{room}"}),
    "move the read mark": ("room.read", {"room_identity": "{room}", "seq": 1}),
    "edit own": ("message.edit", {"message_identity": "{own}", "data": "x"}),
    "edit another's": ("message.edit", {"message_identity": "{others}", "data": "x"}),
    "recall own": ("message.recall", {"message_identity": "{own}"}),
    "recall another's": ("message.recall", {"message_identity": "{others}"}),
}
# Allowed, these leave a place in which the table no longer holds.
LASTING = {
    "join", "recall own", "recall another's", "add a member", "mute a member", "mute an admin",
    "kick a member", "kick an admin", "promote", "demote", "hand over", "delete the room", "leave",
}  # fmt: skip
CODES = {"401": "not_authenticated", "404": "not_found", "403": "forbidden", "muted": "muted"}
WORDS = {code: word for word, code in CODES.items()}


# --- the world ------------------------------------------------------------------------------


@dataclass
class Place:
    """A group, its people by role, a message of each, and their clients."""

    room: Room
    people: dict[str, User]
    messages: dict[str, str] = field(default_factory=dict)
    clients: dict[str, Api] = field(default_factory=dict)
    made_at: float = field(default_factory=time.monotonic)

    def client(self, role: str) -> Api:
        if role not in self.clients:
            self.clients[role] = Api(self.people.get(role))
        return self.clients[role]

    def names(self, role: str) -> dict[str, str]:
        """What the placeholders of the tables stand for, as `role` sees it."""
        return {
            "room": self.room.pk,
            "number": self.room.number,
            "own": self.messages.get(role, self.messages["peer"]),
            "others": self.messages["peer"],
            "newcomer": self.people["outsider"].pk,
            "hermit": self.people["hermit"].pk,
            "peer": self.people["peer"].pk,
            "deputy": self.people["deputy"].pk,
            "boss": self.people["owner"].pk,
        }


def make_place() -> Place:
    insiders = ["owner", "admin", "deputy", "member", "muted", "kicked", "peer"]
    people = {name: new_user(name) for name in [*insiders, "outsider", "hermit"]}
    User.objects.filter(pk=people["hermit"].pk).update(who_may_add="nobody")
    members = [people[name].pk for name in insiders]
    room = services.create_group(creator=people["owner"], name="Kitchen", members=members)
    place = Place(room, people)
    for name in insiders:
        place.messages[name] = say(people[name], room)
    change = {"user": people["owner"], "room_identity": room.pk}
    for name in ("admin", "deputy"):
        services.change_member(**change, peer_identity=people[name].pk, role=Role.ADMIN)
    until = now_ms() + 3_600_000
    services.change_member(**change, peer_identity=people["muted"].pk, muted_until=until)
    services.remove_member(**change, peer_identity=people["kicked"].pk)
    return place


def say(user: User, room: Room) -> str:
    sent = send_message(user_identity=user.pk, room_identity=room.pk, client_id="1", data="hello")
    return run_on_loop(sent).message["identity"]


_places: dict[str, Place] = {}


def place(name: str) -> Place:
    """ "home" or "foreign": shared by all tests, and made anew when a test has changed it or its
    messages become too old to be recalled."""
    known = _places.get(name)
    if known is None or time.monotonic() - known.made_at > 60:
        known = _places[name] = make_place()
    return known


def places() -> tuple[Place, Place]:
    return place("home"), place("foreign")


@pytest.fixture(autouse=True)
def clean() -> None:
    """In place of the emptying after each test: these tests share the world."""


@pytest.fixture(scope="module", autouse=True)
def _clean_at_the_end(_migrated: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        _places.clear()
        for name in connection.introspection.table_names():
            if not name.startswith(KEPT):
                connection.get_collection(name).delete_many({})
        sync_redis().flushdb()


def stored() -> list[Any]:
    """All that a refused request may not touch (but the checkpoint, which is written later)."""
    rooms = [made.room.pk for made in _places.values()]
    kept = [column.name for column in Room._meta.concrete_fields if column.name != "last_seq"]
    found = [
        Room.objects.filter(pk__in=rooms).values(*kept),
        Member.objects.filter(room_id__in=rooms).values(),
        Message.objects.filter(room_identity__in=rooms).values(),
    ]
    return [Room.objects.count(), *(sorted(map(str, rows)) for rows in found)]


def filled(template: Any, names: dict[str, str]) -> Any:
    """The template with its placeholders replaced, in texts, lists and keys."""
    if isinstance(template, str):
        return template.format(**names)
    if isinstance(template, dict):
        return {filled(key, names): filled(value, names) for key, value in template.items()}
    return template


# --- REST -----------------------------------------------------------------------------------


def check_rest(api: Api, action: str, names: dict[str, str], outcome: str) -> None:
    method, path, body = REST[action]
    before = None if outcome == "ok" else stored()
    answer = api.call(method, filled(path, names), filled(body, names))
    if outcome == "ok":
        assert answer.status_code in (200, 201, 204), answer.content
        return
    status = 403 if outcome == "muted" else int(outcome)
    assert (answer.status_code, answer.json()["code"]) == (status, CODES[outcome])
    if outcome == "404":
        assert answer.json() == NOT_FOUND
    assert stored() == before


def forget(name: str, action: str, outcome: str) -> None:
    if outcome == "ok" and action in LASTING:
        del _places[name]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", REST)
def test_rest_in_the_own_room(action: str, role: str) -> None:
    home, _foreign = places()
    outcome = CELLS[action, role]
    check_rest(home.client(role), action, home.names(role), outcome)
    forget("home", action, outcome)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", REST)
def test_rest_in_a_room_of_others(action: str, role: str) -> None:
    home, foreign = places()
    outcome = "401" if role == "anonymous" else CELLS[action, "outsider"]
    check_rest(home.client(role), action, foreign.names(role), outcome)
    forget("foreign", action, outcome)


@pytest.mark.parametrize(
    "action",
    [
        "mute a member", "mute an admin", "kick a member", "kick an admin", "kick the owner",
        "promote", "demote", "hand over",
    ],
)  # fmt: skip
def test_people_of_other_rooms_are_not_reached_through_the_own_one(action: str) -> None:
    home, foreign = places()
    names = foreign.names("owner") | {"room": home.room.pk}
    check_rest(home.client("owner"), action, names, "404")


# --- the socket -----------------------------------------------------------------------------


async def outcome_of(socket: Socket, action: str, names: dict[str, str]) -> str:
    """What the socket answers, in the words of the table."""
    kind, fields = SOCKET[action]
    answer = await socket.ask(kind, **filled(fields, names))
    if answer["type"] == "error":
        return WORDS[answer["code"]]
    if answer.get("removed"):  # how sync says that a room is not there for the user
        assert answer == {"type": "ack", "id": "x", "rooms": {}, "removed": [names["room"]]}
        return "404"
    return "ok"


async def check_typing(socket: Socket, user: User, where: Place, expected: str) -> None:
    """It has no id and is not acknowledged: a member hears it, or the typist an error."""
    async with socket_of(where.people["peer"]) as other:
        await socket.say(type="typing", room_identity=where.room.pk)
        if expected == "ok":
            assert await other.hear_until("typing") == {
                "type": "typing", "room_identity": where.room.pk, "user_identity": user.pk,
            }  # fmt: skip
        else:
            error = await socket.hear_until("error")
            assert (error.get("id"), WORDS[error["code"]]) == (None, expected)
            assert await other.silent()


async def check_socket(user: User, action: str, where: Place, role: str, expected: str) -> None:
    before = await run_in_thread(stored)
    async with socket_of(user) as socket:
        if action == "typing":
            await check_typing(socket, user, where, expected)
        else:
            assert await outcome_of(socket, action, where.names(role)) == expected
    if expected != "ok":
        assert await run_in_thread(stored) == before


@pytest.mark.parametrize("role", ROLES[1:])
@pytest.mark.parametrize("action", SOCKET)
async def test_socket_in_the_own_room(action: str, role: str) -> None:
    home, _foreign = await run_in_thread(places)
    outcome = CELLS[action, role]
    await check_socket(home.people[role], action, home, role, outcome)
    forget("home", action, outcome)


@pytest.mark.parametrize("role", ROLES[1:])
@pytest.mark.parametrize("action", SOCKET)
async def test_socket_in_a_room_of_others(action: str, role: str) -> None:
    home, foreign = await run_in_thread(places)
    await check_socket(home.people[role], action, foreign, role, CELLS[action, "outsider"])


async def test_the_socket_is_closed_to_who_is_not_signed_in() -> None:
    assert {CELLS[action, "anonymous"] for action in SOCKET} == {"401"}
    communicator = communicator_of()
    await communicator.connect()
    assert await communicator.receive_output(5) == {"type": "websocket.close", "code": 4401}
    await communicator.wait()


def test_the_table_covers_all_actions() -> None:
    assert {action for action, _role in CELLS} == {*REST, *SOCKET}
    assert [action for action in REST if CELLS[action, "outsider"] == "ok"] == sorted(
        FOR_ALL, reverse=True
    )


# --- hostile bodies -------------------------------------------------------------------------

WRITES = {
    "rooms/": ("POST", ["name", "info"]),
    "rooms/direct/": ("POST", ["user_identity"]),
    "rooms/{room}/": ("PATCH", ["name", "info"]),
    "rooms/{room}/members/": ("POST", ["user_identity"]),
    "rooms/{room}/members/{peer}/": ("PATCH", ["role", "muted_until"]),
    "rooms/{room}/messages/": ("POST", ["client_id", "data", "kind", "reply_to"]),
    "rooms/{room}/read/": ("POST", ["seq"]),
    "messages/{own}/": ("PATCH", ["data"]),
}


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("hostile", ["a list", "lists", "operators", "an operator"])
def test_hostile_bodies_change_nothing(path: str, hostile: str) -> None:
    home, (method, fields) = place("home"), WRITES[path]
    body: Any = {
        "a list": [{}],
        "lists": {name: [] for name in fields},
        "operators": {name: {"$ne": None} for name in fields},
        "an operator": {"$ne": None},
    }[hostile]
    before = stored()
    answer = home.client("owner").call(method, filled(path, home.names("owner")), body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert stored() == before
