"""Every page that changes something demands its own form's token, and a POST."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import DeviceSession, User
from tests.conftest import new_user
from tests.matrix.table import PAGES, filled
from tests.matrix.test_doors import ADMIN, ADMIN_DOORS, DOORS, address
from tests.matrix.world import place, stored
from tests.pages.conftest import browser

# Only pages of ours may post there; the API and the original's routes look at headers that no page
# of another site can set (tests/hostile/test_pages.py).
FORMS = sorted(
    {path for method, path, _words in DOORS if method == "POST" and path.startswith("/accounts/")}
    | {"/i18n/setlang/", "/rooms/new/", "/rooms/direct/", "/admin/login/", "/admin/logout/"}
    | {address(route, "0" * 24) for route in set(ADMIN) - ADMIN_DOORS}
)


def strict(user: User | None) -> Client:
    """A browser that a page of another site makes send forms."""
    client = Client(enforce_csrf_checks=True)
    if user is not None:
        client.cookies = browser(user).cookies
    return client


def people() -> list[tuple[str, str, str]]:
    rows = User.objects.values_list("pk", "password", "nickname", "email", "is_active")
    return sorted(map(str, rows)) + sorted(
        map(str, DeviceSession.objects.values_list("pk", "name"))
    )


@pytest.fixture(scope="module")
def administrator(_migrated: None, django_db_blocker: Any) -> Iterator[Client]:
    with django_db_blocker.unblock():
        root = new_user("root")
        User.objects.filter(pk=root.pk).update(is_staff=True, is_superuser=True)
        client = strict(User.objects.get(pk=root.pk))
        client.get("/accounts/profile/")
        yield client


@pytest.mark.parametrize("path", FORMS)
def test_a_form_of_another_site_is_refused(path: str, administrator: Client) -> None:
    client = administrator
    before = people()
    for form in ({}, {"csrfmiddlewaretoken": "x" * 64}):
        assert client.post(path, form).status_code == 403, path
    origin = {"Origin": "https://evil.example"}
    token = {"csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    assert client.post(path, token, headers=origin).status_code == 403
    assert people() == before


@pytest.mark.parametrize("action", [action for action in PAGES if PAGES[action][0] == "POST"])
def test_so_it_is_in_rooms(action: str) -> None:
    home = place("home")
    _method, path, form = PAGES[action]
    names, before = home.names("owner"), stored()
    client = strict(home.people["owner"])
    assert client.post(filled(path, names), filled(form, names)).status_code == 403
    # What a link can do: nothing.
    query = urlencode(filled(form, names))
    assert client.get(f"{filled(path, names)}?{query}").status_code in (200, 302)
    assert stored() == before


@pytest.mark.parametrize(
    "path", [path for method, path, _words in DOORS if method == "POST" and path in FORMS]
)
def test_a_link_changes_nothing(path: str) -> None:
    user = new_user("mallory")
    client = browser(user)
    client.get("/accounts/profile/")
    before = people()
    query = urlencode(
        {"action": "sign_out_others", "nickname": "x", "password": "x" * 20, "name": "x",
         "who_may_add": "nobody", "email": "new@example.org", "account": user.account,
         "language": "zh-hans"}
    )  # fmt: skip
    assert client.get(f"{path}?{query}").status_code in (200, 302, 405)
    assert people() == before
    assert client.get("/chat/").status_code == 200
