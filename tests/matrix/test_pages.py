"""The table over the pages: forms as a browser sends them, with their token."""

import re
from urllib.parse import quote

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client

from tests.matrix.table import CELLS, LASTING, PAGES, ROLES, VISITORS, filled
from tests.matrix.world import Place, forget, places, stored
from tests.pages.conftest import browser

# What a page has anew in each answer: the form's token, and the requested address.
OWN_TO_EACH = re.compile(r'name="csrfmiddlewaretoken" value="\w+"|nonce="[^"]+"')


def carry_out(client: Client, action: str, names: dict[str, str]) -> HttpResponse:
    method, path, form = PAGES[action]
    return client.generic(
        method,
        filled(path, names),
        "&".join(f"{name}={quote(value)}" for name, value in filled(form or {}, names).items()),
        content_type="application/x-www-form-urlencoded",
    )


def outcome_of(response: HttpResponse, action: str) -> str:
    """Returns the outcome in the words of the table. A page says in a notice what it refuses, and
    goes on."""
    if response.status_code == 404:
        return "404"
    if response.headers.get("Location", "").startswith("/accounts/login/?next="):
        return "401"
    notices = [str(message) for message in get_messages(response.wsgi_request)
               if message.level_tag == "error"]  # fmt: skip
    if notices:
        return "muted" if "muted" in notices[0] else "403"
    assert response.status_code == (200 if PAGES[action][0] == "GET" else 302)
    return "ok"


def check_page(client: Client, action: str, names: dict[str, str], outcome: str) -> None:
    before = stored()
    assert outcome_of(carry_out(client, action, names), action) == outcome
    if outcome != "ok" or action in LASTING:
        assert (stored() != before) == (outcome == "ok")


def client_of(home: Place, role: str) -> Client:
    if role not in home.browsers:
        home.browsers[role] = browser(home.people.get(role))
    home.browsers[role].cookies.pop("messages", None)  # notices nobody has been shown yet
    return home.browsers[role]


# A member joins it without a change.
OWN_CELLS = [
    (action, role)
    for action in PAGES
    for role in ROLES
    if action != "join" or CELLS["see the room", role] != "ok"
]


@pytest.mark.parametrize(("action", "role"), OWN_CELLS)
def test_in_the_own_room(action: str, role: str) -> None:
    home, _foreign = places()
    outcome = CELLS[action, role]
    check_page(client_of(home, role), action, home.names(role), outcome)
    if outcome == "ok" and action in LASTING:
        forget("home")


@pytest.mark.parametrize("role", VISITORS)
@pytest.mark.parametrize("action", PAGES)
def test_in_a_room_of_others(action: str, role: str) -> None:
    home, foreign = places()
    outcome = "401" if role == "anonymous" else CELLS[action, "outsider"]
    check_page(client_of(home, role), action, foreign.names(role), outcome)
    if outcome == "ok" and action in LASTING:
        forget("foreign")


@pytest.mark.parametrize("action", ["kick a member", "kick an admin", "promote", "hand over"])
def test_people_of_other_rooms_are_not_reached_through_the_own_one(action: str) -> None:
    home, foreign = places()
    names = foreign.names("owner") | {"room": home.room.pk}
    check_page(client_of(home, "owner"), action, names, "404")


@pytest.mark.parametrize("action", [action for action in PAGES if "{room}" in PAGES[action][1]])
def test_foreign_and_absent_rooms_give_the_same_page(action: str) -> None:
    """Equal to the byte, except for the requested address and the tokens of forms."""
    home, foreign = places()
    client, pages = client_of(home, "owner"), []
    for room in (foreign.room.pk, "0" * 24, "none", "$ne", "../x"):
        names = foreign.names("owner") | {"room": quote(room, safe="")}
        response = carry_out(client, action, names)
        page = OWN_TO_EACH.sub("", response.content.decode()).replace(f"/{names['room']}/", "/R/")
        pages.append((response.status_code, page))
    assert {status for status, _page in pages} == {404}
    assert len(set(pages[:4])) == 1
