"""The table over REST, and over the original's routes."""

from typing import Any

import pytest

from chat.compat.texts import NOT_SIGNED_IN, NOT_YOUR_ROOM
from tests.api import NOT_FOUND, Api
from tests.matrix.table import CELLS, CODES, FOR_ALL, LASTING, REST, ROLES, SEED, VISITORS, filled
from tests.matrix.world import forget, place, places, stored
from tests.seed import Seed, no


def check_rest(api: Api, action: str, names: dict[str, str], outcome: str) -> None:
    method, path, body = REST[action]
    before = None if outcome == "ok" else stored()
    answer = api.call(method, filled(path, names), filled(body, names))
    if outcome == "ok":
        assert answer.status_code in (200, 201, 202, 204), answer.content
        return
    status = 403 if outcome == "muted" else int(outcome)
    assert (answer.status_code, answer.json()["code"]) == (status, CODES[outcome])
    if outcome == "404":
        assert answer.json() == NOT_FOUND
    assert stored() == before


def settle(name: str, action: str, outcome: str) -> None:
    if outcome == "ok" and action in LASTING:
        forget(name)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", REST)
def test_in_the_own_room(action: str, role: str) -> None:
    home, _foreign = places()
    outcome = CELLS[action, role]
    check_rest(home.client(role), action, home.names(role), outcome)
    settle("home", action, outcome)


@pytest.mark.parametrize("role", VISITORS)
@pytest.mark.parametrize("action", REST)
def test_in_a_room_of_others(action: str, role: str) -> None:
    home, foreign = places()
    outcome = "401" if role == "anonymous" else CELLS[action, "outsider"]
    check_rest(home.client(role), action, foreign.names(role), outcome)
    settle("foreign", action, outcome)


# --- an allowed room's address with something of another room in it --------------------------


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


def test_a_message_of_another_room_cannot_be_quoted() -> None:
    """The answer is, to the byte, that for a room that does not exist."""
    home, foreign = places()
    before = stored()
    answers = []
    for quoted in (foreign.messages["peer"], "0" * 24):
        method, path, body = REST["reply"]
        names = home.names("owner") | {"others": quoted}
        sent = home.client("owner").call(method, filled(path, names), filled(body, names))
        assert (sent.status_code, list(sent.json()["errors"])) == (400, ["reply_to"])
        answers.append(sent.content)
    assert answers[0] == answers[1]
    assert stored() == before


# --- the original's routes --------------------------------------------------------------------


@pytest.mark.parametrize("whose", ["home", "foreign"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", SEED)
def test_the_routes_of_the_original(action: str, role: str, whose: str) -> None:
    home = place("home")
    _method, path, _body = SEED[action]
    answer = Seed(home.people.get(role)).get(filled(path, place(whose).names(role)))
    outcome = CELLS[action, role if whose == "home" or role == "anonymous" else "outsider"]
    expected = {"401": no(NOT_SIGNED_IN), "404": no(NOT_YOUR_ROOM)}
    if outcome == "ok":
        assert (answer["code"], len(answer["data"]["list"])) == (200, len(home.messages))
    else:
        assert answer == expected[outcome]


# --- hostile bodies -------------------------------------------------------------------------

WRITES = {
    "rooms/": ("POST", ["name", "info", "join_rule", "history"]),
    "rooms/join/": ("POST", ["number"]),
    "rooms/direct/": ("POST", ["user_identity"]),
    "rooms/{room}/": ("PATCH", ["name", "info", "join_rule", "history"]),
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


def test_some_actions_are_for_all_who_know_the_room() -> None:
    assert {action for action in REST if CELLS[action, "outsider"] == "ok"} == FOR_ALL
