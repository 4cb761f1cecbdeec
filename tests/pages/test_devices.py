"""The devices page without JavaScript: devices are listed, renamed, and signed out one by one or
all at once."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import DeviceSession, User
from imsystem.clock import now_ms
from tests.accounts.test_clients import CHROME_ON_WINDOWS
from tests.conftest import new_user
from tests.pages.conftest import browser, text

PAGE = "/accounts/devices/"


@pytest.fixture
def mei() -> User:
    return new_user("mei")


def device(user: User, name: str = "", **fields: object) -> DeviceSession:
    values = {"device": CHROME_ON_WINDOWS, "ip": "203.0.113.5", "last_used_at": now_ms()}
    session = DeviceSession(user=user, name=name, **values | fields)
    session.save(force_insert=True)
    return session


def names(client: Client) -> list[str]:
    rows = client.get(PAGE).context["devices"]
    return [row["name"] or row["client"] for row in rows]


def here(user: User) -> Client:
    """Returns a browser that is signed in and known as a device."""
    client = browser(user)
    client.get(PAGE)
    DeviceSession.objects.filter(device="").update(name="here")
    return client


def test_this_device_first_then_as_last_used(mei: User) -> None:
    client = here(mei)
    later = now_ms() + 1000
    for number in range(3):
        device(mei, f"device {number}", last_used_at=later + number)
    device(mei, "revoked", revoked_at=1)
    device(mei, "expired", expires_at=now_ms())
    device(new_user("bob"), "bob's")
    assert names(client) == ["here", "device 2", "device 1", "device 0"]
    assert [row["current"] for row in client.get(PAGE).context["devices"]] == [True] + [False] * 3


def test_what_the_page_says(mei: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        device(mei, "Office <b>")
        clock.shift(timedelta(hours=2, minutes=20))
        page = here(mei).get(PAGE)
    said = text(page)
    assert "Office <b>" in said
    assert "Chrome on Windows · 203.0.113.5" in said
    assert "Last used 2 hours ago · signed in 2 hours ago" in said
    assert "Active now · signed in just now" in said
    assert said.count("This device") == 1
    times = re.findall(r'<time datetime="([^"]*)" title="([^"]*)"', page.content.decode())
    assert times[-1] == ("2026-11-22T10:00:00+00:00", "Nov. 22, 2026, 10 a.m. UTC")


def test_naming_and_unnaming(mei: User) -> None:
    client, session = here(mei), device(mei)
    fields = {"action": "rename", "identity": session.identity}
    page = client.post(PAGE, {**fields, "name": "  Office "}, follow=True)
    assert "Name saved." in text(page)
    assert names(client) == ["here", "Office"]
    page = client.post(PAGE, {**fields, "name": " "}, follow=True)
    assert "Name removed." in text(page)
    assert names(client) == ["here", "Chrome on Windows"]


@pytest.mark.parametrize("name", ["n" * 65, "\u200b", "a\nb"])
def test_a_bad_name_is_said_and_not_saved(mei: User, name: str) -> None:
    client, session = here(mei), device(mei, "Office")
    fields = {"action": "rename", "identity": session.identity, "name": name}
    page = client.post(PAGE, fields, follow=True)
    assert re.search(r'<li class="notice error">[^<]*characters', page.content.decode())
    assert names(client) == ["here", "Office"]


def test_signing_one_out(mei: User) -> None:
    client, session = here(mei), device(mei, "Office")
    page = client.post(PAGE, {"action": "sign_out", "identity": session.identity}, follow=True)
    assert "The device has been signed out." in text(page)
    assert names(client) == ["here"]
    assert "Sign out all other devices" not in text(page)


def test_signing_all_others_out(mei: User) -> None:
    client = here(mei)
    of_bob = device(new_user("bob"))
    for _ in range(2):
        device(mei)
    assert (
        text(client.get(PAGE)).count("Sign out all other devices") == 2
    )  # asked before it is done
    page = client.post(PAGE, {"action": "sign_out_others"}, follow=True)
    assert "All other devices have been signed out." in text(page)
    assert names(client) == ["here"]
    assert DeviceSession.objects.get(pk=of_bob.pk).revoked_at is None


def test_signing_this_device_out_leads_to_the_sign_in(mei: User) -> None:
    client = here(mei)
    assert 'action="/accounts/logout/"' in client.get(PAGE).content.decode().split("<main")[1]
    session = DeviceSession.objects.get()
    page = client.post(PAGE, {"action": "sign_out", "identity": session.identity}, follow=True)
    assert page.redirect_chain[-1][0].startswith("/accounts/login/")


@pytest.mark.parametrize("action", ["rename", "sign_out", ""])
def test_other_peoples_devices_do_not_exist(mei: User, action: str) -> None:
    client, of_bob = here(mei), device(new_user("bob"), "bob's")
    for identity in (of_bob.identity, "f" * 24, "", "$ne"):
        fields = {"action": action, "identity": identity, "name": "x"}
        assert client.post(PAGE, fields).status_code == 404
    unchanged = DeviceSession.objects.get(pk=of_bob.pk)
    assert (unchanged.name, unchanged.revoked_at) == ("bob's", None)


def test_the_page_costs_the_same_for_one_and_for_many(mei: User) -> None:
    client = here(mei)
    with CaptureQueriesContext(connection) as one:
        client.get(PAGE)
    for _ in range(5):
        device(mei)
    with CaptureQueriesContext(connection) as many:
        client.get(PAGE)
    assert len(many) == len(one) > 0


def test_the_page_asks_who_it_is_for_a_sign_in() -> None:
    assert Client().get(PAGE).status_code == 302
    assert Client().post(PAGE, {"action": "sign_out_others"}).status_code == 302


def test_times_of_a_clock_that_is_behind_are_just_now(mei: User) -> None:
    device(mei, last_used_at=now_ms() + 60_000)
    assert "Last used just now" in text(here(mei).get(PAGE))
