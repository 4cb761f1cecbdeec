"""What users write is text, on every page, in the admin and in mails.

tests/hostile/test_messages.py looks at messages in a running system; this at everything else that
somebody can choose (names of users, rooms and devices), wherever a page shows it.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts import services as accounts
from accounts.models import DeviceSession, User
from accounts.selectors import live_sessions_of
from rooms import services
from tests.api import Api
from tests.conftest import new_user
from tests.mailbox import delivered
from tests.matrix.table import PAGES, filled
from tests.matrix.test_doors import ADMIN, ADMIN_DOORS, DOORS, address
from tests.matrix.world import say
from tests.pages.conftest import browser

EVIL = "\"'><img src=x onerror=alert(1)><script>evil()</script>{{7*7}}{% now 'Y' %}"


class Elements(HTMLParser):
    """What a browser would make of a page: elements that came out of a text, and handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "img" and given.get("src") == "x":
            self.found.append("img")
        # Django's admin has none either: the content security policy would stop them.
        self.found += [name for name in given if name.startswith("on")]
        link = given.get("href") or given.get("action") or ""
        if link.lower().startswith(("javascript:", "data:text/html", "vbscript:")):
            self.found.append(link)

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script" and "evil()" in data and "\\u003c" not in data.lower():
            self.found.append("script")


def inert(client: Client, path: str) -> int:
    """Returns how often the evil name is on the page, as text."""
    response = client.get(path)
    shown = response.content.decode()
    elements = Elements()
    elements.feed(shown)
    assert elements.found == [], path
    assert not re.search(r">49<|[^\\d]49{%|now '20\d\d", shown), path
    return shown.count("&lt;img src=x") + shown.count("\\u003Cimg src")


@pytest.fixture(scope="module")
def names(_migrated: None, django_db_blocker: Any) -> Iterator[dict[str, str]]:
    """Mallory, who has chosen such names, owns a room that an administrator is a member of."""
    with django_db_blocker.unblock():
        mallory, root = new_user("mallory"), new_user("root")
        User.objects.filter(pk=root.pk).update(is_staff=True, is_superuser=True)
        nickname = EVIL[:40]
        for user in (mallory, root):
            accounts.update_profile(user=user, nickname=nickname)
        room = services.create_group(creator=mallory, name=EVIL[:60], info=EVIL, members=[root.pk])
        say(mallory, room)
        Api(root)
        DeviceSession.objects.filter(user=root).update(device=EVIL, name=EVIL[:40])
        yield {
            "room": room.pk, "number": room.number, "root": root.pk, "person": mallory.pk,
            "account": mallory.account, "picture": "0" * 24, "session": "0" * 24,
        }  # fmt: skip


@pytest.fixture(scope="module")
def root(names: dict[str, str]) -> Client:
    return browser(User.objects.get(pk=names["root"]))


def test_pages(names: dict[str, str], root: Client) -> None:
    paths = [path for method, path, _words in DOORS if method == "GET"]
    paths += [path for method, path, _form in PAGES.values() if method == "GET"]
    seen = {
        path: inert(root, filled(path, names))
        for path in sorted(set(paths))
        if not path.startswith(("/api/", "/u/"))
    }
    shows = {path for path, times in seen.items() if times}
    # Where names must be seen, or the test looks at the wrong thing.
    assert {"/chat/", "/chat/{room}/", "/rooms/{room}/settings/", "/accounts/devices/",
            "/accounts/profile/", "/rooms/join/?number={number}"} <= shows  # fmt: skip


def test_the_administration(names: dict[str, str], root: Client) -> None:
    objects = {"room": names["room"], "user": names["person"]}
    device = live_sessions_of(User.objects.get(pk=names["root"])).first()
    assert device is not None
    objects["devicesession"] = device.pk
    seen = 0
    for route in sorted(set(ADMIN) - ADMIN_DOORS):
        model = route.split("/")[2] if route.count("/") > 3 else ""
        seen += inert(root, address(route, objects.get(model, "0" * 24)))
    assert seen >= 10


def test_what_is_said_about_what_was_typed(root: Client) -> None:
    """Forms come back with their contents."""
    for path in ("/rooms/new/", "/rooms/join/", "/rooms/direct/", "/accounts/profile/",
                 "/accounts/email/", "/accounts/devices/"):  # fmt: skip
        fields = ("name", "info", "number", "account", "nickname", "email", "identity", "action")
        response = root.post(path, dict.fromkeys(fields, EVIL))
        elements = Elements()
        elements.feed(response.content.decode())
        assert elements.found == [], path
    for query in ("/accounts/login/?next=", "/rooms/direct/?account=", "/rooms/join/?number="):
        inert(root, query + "%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E")
        inert(Client(), query + "javascript:alert(1)")


def test_mails(names: dict[str, str]) -> None:
    """Plain text only, one recipient, and no line that becomes a header."""
    user = User.objects.get(pk=names["root"])
    for device in (EVIL, "x\r\nBcc: eve@example.org\r\n\r\nmore"):
        accounts.sign_in_user(user=user, ip="10.7.7.7", device=device)
    mail.outbox.clear()
    accounts.sign_in_user(user=user, ip="10.8.8.8", device=f"Other {EVIL}")
    accounts.send_code(email=user.email, purpose="reset", ip="10.8.8.8")  # type: ignore[arg-type]
    for message in delivered():
        sent = message.message()
        assert sent.get_content_type() == "text/plain"
        assert not sent.is_multipart()
        assert (message.to, message.cc, message.bcc) == ([user.email], [], [])
        assert "Bcc" not in sent
        assert "\n" not in message.subject
    assert mail.outbox
