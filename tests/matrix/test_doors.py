"""Every route that is not about a room: who gets in, and whether a route was forgotten.

`open` anybody; `sign in` visitors are sent to sign in; 401 the API's word for it; `own` it is about
the caller, and shows nothing of others; 404 what belongs to others does not exist; `seed` the
original's way of saying 401. Bodies are empty: 400 is an answer to somebody who was let in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from accounts.models import User
from accounts.services import sign_in_user
from chat.compat.texts import NOT_SIGNED_IN
from imsystem.realtime.commands import commands
from tests.api import NOT_FOUND, Api
from tests.conftest import new_user
from tests.matrix.table import CELLS, OWN_COMMANDS, PAGES, REST, SEED, SOCKET
from tests.pages.conftest import browser
from tests.seed import seed_token

TABLE = """
method  path                                   anonymous  user
GET     /                                      open       open
GET     /healthz                               open       open
GET     /readyz                                open       open
GET     /metrics                               401        404
GET     /api/v1/health/live/                   open       open
GET     /api/v1/server/                        open       open
GET     /api/v1/health/ready/                  open       open
GET     /api/schema/                           open       open
GET     /api/docs/                             open       open
GET     /jsi18n/                               open       open
POST    /i18n/setlang/                         open       open
GET     /accounts/register/                    open       open
POST    /accounts/register/                    open       open
GET     /accounts/login/                       open       open
POST    /accounts/login/                       open       open
GET     /accounts/login/code/                  open       open
POST    /accounts/login/code/                  open       open
GET     /accounts/password/reset/              open       open
POST    /accounts/password/reset/              open       open
GET     /accounts/logout/                      open       open
POST    /accounts/logout/                      open       open
GET     /accounts/profile/                     sign in    own
POST    /accounts/profile/                     sign in    own
POST    /accounts/avatar/                      sign in    own
GET     /accounts/password/                    sign in    own
POST    /accounts/password/                    sign in    own
GET     /accounts/two-factor/                  sign in    own
POST    /accounts/two-factor/                  sign in    own
GET     /accounts/two-factor/confirm/          sign in    own
POST    /accounts/two-factor/confirm/          sign in    own
GET     /accounts/two-factor/recovery-codes/   sign in    own
POST    /accounts/two-factor/recovery-codes/   sign in    own
GET     /accounts/two-factor/disable/          sign in    own
POST    /accounts/two-factor/disable/          sign in    own
GET     /accounts/devices/                     sign in    own
POST    /accounts/devices/                     sign in    404
GET     /accounts/email/                       sign in    own
POST    /accounts/email/                       sign in    own
GET     /accounts/privacy/                     sign in    own
POST    /accounts/privacy/                     sign in    own
GET     /accounts/data/                        sign in    own
POST    /accounts/data/                        sign in    own
GET     /accounts/delete/                      sign in    own
POST    /accounts/delete/                      sign in    own
GET     /avatars/{picture}.webp                404        404
GET     /avatars/initial/0-41.svg              open       open
GET     /chat/                                 sign in    own
GET     /rooms/new/                            sign in    own
POST    /rooms/new/                            sign in    own
GET     /rooms/direct/                         sign in    own
POST    /rooms/direct/                         sign in    own
GET     /rooms/added/                          sign in    own
POST    /rooms/added/                          sign in    own
GET     /rooms/{picture}/                      sign in    own
POST    /api/v1/auth/code/                     open       open
POST    /api/v1/auth/register/                 open       open
POST    /api/v1/auth/login/                    open       open
POST    /api/v1/auth/refresh/                  open       open
POST    /api/v1/auth/logout/                   open       own
POST    /api/v1/auth/password/reset/           open       open
POST    /api/v1/auth/password/change/          401        own
GET     /api/v1/auth/two-factor/               401        own
POST    /api/v1/auth/two-factor/               401        own
POST    /api/v1/auth/two-factor/confirm/       401        own
POST    /api/v1/auth/two-factor/recovery-codes/  401      own
POST    /api/v1/auth/two-factor/disable/       401        own
POST    /api/v1/auth/ticket/                   401        own
GET     /api/v1/auth/sessions/                 401        own
DELETE  /api/v1/auth/sessions/                 401        own
PATCH   /api/v1/auth/sessions/{session}/       401        own
DELETE  /api/v1/auth/sessions/{session}/       401        404
GET     /api/v1/users/me/                      401        own
PATCH   /api/v1/users/me/                      401        own
PUT     /api/v1/users/me/avatar/               401        own
DELETE  /api/v1/users/me/avatar/               401        own
POST    /api/v1/users/me/email/                401        own
POST    /api/v1/users/me/delete/               401        own
POST    /api/v1/users/me/data/                 401        own
GET     /api/v1/users/?account={account}       401        public
GET     /api/v1/users/{person}/                401        public
GET     /api/v1/rooms/                         401        own
POST    /api/v1/rooms/                         401        own
POST    /api/v1/rooms/direct/                  401        own
GET     /api/v1/rooms/added/                   401        own
POST    /api/v1/rooms/added/leave/             401        own
POST    /login                                 open       open
POST    /send/code                             open       open
POST    /register                              open       open
GET     /u/user/detail                         seed       own
GET     /u/user/query?account={account}        seed       own
POST    /u/user/add                            seed       own
DELETE  /u/user/delete?identity={person}       seed       own
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()[1:]]
DOORS = [(method, path, " ".join(words)) for method, path, *words in ROWS]


def words_of(words: str) -> tuple[str, str]:
    """The outcomes for visitors and for signed-in users."""
    for word in ("sign in", "401", "404", "open", "seed"):
        if words.startswith(word):
            return word, words.removeprefix(word).strip()
    raise AssertionError(words)


@pytest.fixture(scope="module")
def other(_migrated: None, django_db_blocker: Any) -> Iterator[tuple[User, str]]:
    """Another user, and the identity of their device session."""
    with django_db_blocker.unblock():
        user = new_user("victim")
        session = sign_in_user(user=user, ip="10.9.9.9", device="of the victim").session
        assert session is not None
        yield user, session.identity


def names(other: tuple[User, str]) -> dict[str, str]:
    user, session = other
    return {
        "person": user.pk,
        "account": user.account,
        "session": session,
        "picture": "0" * 24,
    }


def ask(client: Client, method: str, path: str, **headers: str) -> HttpResponse:
    kind = "application/json" if path.startswith("/api/") else "application/x-www-form-urlencoded"
    return client.generic(
        method, path, "{}" if "json" in kind else "", content_type=kind, headers=headers
    )


def outcome_of(response: HttpResponse) -> str:
    status = response.status_code
    if status in (401, 403, 404):
        return str(status)
    if response.headers.get("Location", "").startswith("/accounts/login/?next="):
        return "sign in"
    if status == 200 and NOT_SIGNED_IN in response.content.decode(errors="replace"):
        return "seed"
    assert status in (200, 201, 202, 204, 302, 400, 415), response.content
    return "open"


@pytest.mark.parametrize(("method", "path", "words"), DOORS)
def test_who_is_not_signed_in(method: str, path: str, words: str, other: tuple[User, str]) -> None:
    response = ask(Client(), method, path.format(**names(other)))
    assert outcome_of(response) == words_of(words)[0]
    assert "of the victim" not in response.content.decode(errors="replace")


@pytest.mark.parametrize(("method", "path", "words"), DOORS)
def test_somebody_else(method: str, path: str, words: str, other: tuple[User, str]) -> None:
    """Never shown of others: their address and their devices; on pages of one's own, nothing."""
    user, victim = new_user("mallory"), other[0]
    client = Client() if path.startswith("/api/") else browser(user)
    headers = {"Authorization": Api(user).headers["Authorization"], "token": seed_token(user)}
    if not path.startswith(("/api/", "/u/")):
        headers = {}
    response = ask(client, method, path.format(**names(other)), **headers)
    expected, found = words_of(words)[1], outcome_of(response)
    assert found == {"own": "open", "public": "open"}.get(expected, expected)
    shown = response.content.decode(errors="replace") if not response.streaming else ""
    assert victim.email not in shown
    assert "10.9.9.9" not in shown
    if expected == "404" and path.startswith("/api/"):
        assert response.json() == NOT_FOUND
    if expected == "own" and not path.startswith("/u/user/query"):
        assert victim.pk not in shown


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_other_peoples_devices_are_told_as_devices_that_do_not_exist(
    method: str, other: tuple[User, str]
) -> None:
    api = Api(new_user("mallory"))
    answers = [
        api.call(method, f"auth/sessions/{session}/", {"name": "mine"})
        for session in (other[1], "0" * 24, "none", "$ne")
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, answers[0].content)
    }
    own = Api(other[0])
    assert other[1] in own.get("auth/sessions/").content.decode()


# --- the administration -----------------------------------------------------------------------


def leaves(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        route = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from leaves(pattern.url_patterns, route)
        else:
            yield route, pattern


ROUTES = dict(leaves(get_resolver().url_patterns))
ADMIN = [route for route in ROUTES if route.startswith("admin/")]
# Its own doors, "view on site", which leads nowhere here, and the link to our own page.
ADMIN_DOORS = {
    "admin/login/", "admin/logout/", "admin/password_change/", "admin/r/<path:rest>",
    "admin/r/<path:content_type_id>/<path:object_id>/",
}  # fmt: skip


def address(route: str, identity: str) -> str:
    for part in ("<path:object_id>", "<path:content_type_id>", "<path:rest>"):
        route = route.replace(part, identity)
    route = route.replace("^(?P<app_label>auth|accounts|rooms|chat)/$", "accounts/")
    return "/" + route.replace("(?P<url>.*)$", "no/such/page/")


@dataclass
class Visitors:
    strangers: list[tuple[Client, dict[str, str]]]
    clerk: Client  # staff without any permission


@pytest.fixture(scope="module")
def visitors(_migrated: None, django_db_blocker: Any) -> Iterator[Visitors]:
    with django_db_blocker.unblock():
        user, clerk = new_user("mallory"), new_user("clerk")
        User.objects.filter(pk=clerk.pk).update(is_staff=True)
        bearer = {"Authorization": Api(user).headers["Authorization"]}
        yield Visitors([(Client(), {}), (browser(user), {}), (Client(), bearer)], browser(clerk))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("route", sorted(set(ADMIN) - ADMIN_DOORS))
def test_the_administration_is_closed(
    route: str, method: str, other: tuple[User, str], visitors: Visitors
) -> None:
    """For visitors, for users, with cookie or token, and for staff without a permission for it."""
    path, victim = address(route, other[0].pk), other[0]
    for client, headers in visitors.strangers:
        response = ask(client, method, path, **headers)
        assert response.status_code == 302, path
        assert response["Location"].startswith("/admin/login/?next=")
    response = ask(visitors.clerk, method, path)
    shown = response.content.decode()
    assert victim.account not in shown
    assert victim.email not in shown
    if not route.startswith("admin/password_change/") and route.count("/") > 2:
        assert response.status_code in (302, 403, 404), path
        assert "/admin/login/" not in response.headers.get("Location", "")
    victim.refresh_from_db()
    assert victim.is_active


def test_metrics_are_for_staff(visitors: Visitors) -> None:
    """Only in a browser: a token of the API does not open it, whoever has it."""
    assert visitors.clerk.get("/metrics").status_code == 200
    clerk = Api(User.objects.get(account__startswith="clerk-", is_staff=True))
    assert ask(Client(), "GET", "/metrics", **clerk.headers).status_code == 401


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_staff_changes_its_password_where_everybody_does(method: str) -> None:
    """Django's own form would leave the other devices signed in."""
    root = new_user("root")
    root.set_password("correct horse battery")
    root.is_staff = root.is_superuser = True
    root.save()
    form = {"old_password": "correct horse battery", "new_password1": "x" * 20}
    call = {"GET": browser(root).get, "POST": browser(root).post}[method]
    answer = call("/admin/password_change/", form | {"new_password2": "x" * 20})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/password/")
    root.refresh_from_db()
    assert root.check_password("correct horse battery")


# --- nothing is forgotten ---------------------------------------------------------------------


def route_of(path: str) -> str:
    filler = dict.fromkeys(
        [
            "room", "peer", "deputy", "boss", "kicked", "newcomer", "own", "others", "session",
            "person", "picture",
        ],
        "0" * 24,
    )  # fmt: skip
    plain = path.partition("?")[0].format(**filler)
    return resolve(plain).route


def covered() -> set[tuple[str, str]]:
    """Returns method and route of every line of the tables."""
    found = {(method, route_of(path)) for method, path, _words in DOORS}
    found |= {(method, route_of(f"/api/v1/{path}")) for method, path, _body in REST.values()}
    calls = [*PAGES.values(), *SEED.values()]
    return found | {(method, route_of(path)) for method, path, _body in calls}


def methods_of(pattern: URLPattern) -> set[str]:
    """Returns the methods that an API view has; other views do not tell theirs."""
    view = getattr(pattern.callback, "cls", None)
    return {m.upper() for m in ("get", "post", "put", "patch", "delete") if hasattr(view, m)}


def test_every_route_is_in_a_table() -> None:
    told = covered()
    routes = {route for _method, route in told}
    assert [r for r in ROUTES if r not in routes and not r.startswith("admin/")] == []


def test_every_method_of_the_api_is_in_a_table() -> None:
    told = covered()
    assert [
        (method, route)
        for route, pattern in ROUTES.items()
        if route.startswith("api/v1/")
        for method in sorted(methods_of(pattern))
        if (method, route) not in told
    ] == []


def test_every_command_of_the_socket_is_in_a_table() -> None:
    assert {kind for kind, _fields in SOCKET.values()} | OWN_COMMANDS == set(commands)


def test_every_action_has_a_door() -> None:
    assert {action for action, _role in CELLS} == {*REST, *SOCKET}
    assert {*PAGES, *SEED} <= {*REST, *SOCKET}
