"""Whatever staff read about users leaves an entry that nobody can delete."""

import logging
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.audited import AuditedAdmin
from accounts.models import AuditEntry, User
from accounts.services import audit
from chat.models import Edit, Message
from rooms.models import Member
from tests.accounts.conftest import make_user
from tests.accounts.test_admin_rights import administrator, browser, clerk
from tests.api import Api
from tests.conftest import Cast, make_cast

AUDIT = "/admin/accounts/auditentry/"
SECRET = "the cake is a secret"


@pytest.fixture
def scene() -> Cast:
    cast = make_cast()
    path = f"rooms/{cast.room.pk}/messages/"
    for number in range(2):
        Api(cast.member).post(path, {"client_id": str(number), "data": SECRET})
    return cast


def lines() -> list[tuple[Any, ...]]:
    fields = ("actor_identity", "action", "what", "subject", "about", "shown")
    return list(AuditEntry.objects.order_by("created_at").values_list(*fields))


def read(client: Client, path: str, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_reading_messages(scene: Cast) -> None:
    mallory, message = clerk("mallory"), Message.objects.filter(data=SECRET).first()
    assert message is not None
    client, room = browser(mallory), scene.room.pk
    path = "/admin/chat/message/"
    assert SECRET in read(client, path)
    read(client, path, q=room)
    read(client, path, kind="text")
    read(client, path, q=SECRET)
    assert SECRET in read(client, f"{path}{message.pk}/change/")
    read(client, f"{path}{message.pk}/history/")
    what = "chat.message"
    assert lines() == [
        (mallory.pk, "list", what, "", room, 2),
        (mallory.pk, "search", what, room, room, 2),
        (mallory.pk, "list", what, "", room, 2),
        (mallory.pk, "search", what, "", "", 0),
        (mallory.pk, "view", what, message.pk, room, 1),
        (mallory.pk, "history", what, message.pk, room, 1),
    ]


def test_reading_earlier_texts(scene: Cast) -> None:
    message = Message.objects.filter(data=SECRET).first()
    assert message is not None
    Api(scene.member).patch(f"messages/{message.pk}/", {"data": "nothing to see"})
    earlier, root = Edit.objects.get(), administrator("root")
    client, room = browser(root), scene.room.pk
    assert SECRET not in read(client, "/admin/chat/edit/")
    assert SECRET in read(client, f"/admin/chat/edit/{earlier.pk}/change/")
    assert lines() == [
        (root.pk, "list", "chat.edit", "", room, 1),
        (root.pk, "view", "chat.edit", earlier.pk, room, 1),
    ]


def test_every_page_about_people_leaves_one() -> None:
    """Also views that are added later."""
    apps = {"accounts", "rooms", "chat"}
    silent = [
        model.__name__
        for model, page in admin.site._registry.items()
        if model._meta.app_label in apps and not isinstance(page, AuditedAdmin)
    ]
    assert silent == ["AuditEntry"]


def test_reading_rooms_and_who_is_in_them(scene: Cast) -> None:
    boss = administrator("boss")
    client, room = browser(boss), scene.room
    member = Member.objects.filter(room=room).first()
    assert member is not None
    read(client, "/admin/rooms/room/", q=room.number)
    read(client, f"/admin/rooms/room/{room.pk}/change/")
    read(client, "/admin/rooms/member/", q=room.pk)
    read(client, f"/admin/rooms/member/{member.pk}/change/")
    assert lines() == [
        (boss.pk, "search", "rooms.room", room.number, room.pk, 1),
        (boss.pk, "view", "rooms.room", room.pk, room.pk, 1),
        (boss.pk, "search", "rooms.member", room.pk, room.pk, 4),
        (boss.pk, "view", "rooms.member", member.pk, room.pk, 1),
    ]


def test_reading_a_users_data(alice: User) -> None:
    boss, phone = administrator("boss"), Api(alice).session
    assert phone is not None
    client = browser(boss)
    read(client, "/admin/accounts/user/", q="alice@example.org")
    read(client, f"/admin/accounts/user/{alice.pk}/change/")
    read(client, f"/admin/accounts/user/{alice.pk}/history/")
    read(client, "/admin/accounts/devicesession/", q=alice.pk)
    read(client, f"/admin/accounts/devicesession/{phone.pk}/change/")
    read(client, f"/admin/accounts/devicesession/{phone.pk}/delete/")
    chosen = {"action": "delete_personal_data", "_selected_action": [alice.pk]}
    assert client.post("/admin/accounts/user/", chosen).status_code == 200
    user, device = "accounts.user", "accounts.devicesession"
    assert lines() == [
        (boss.pk, "search", user, "", alice.pk, 1),
        (boss.pk, "view", user, alice.pk, alice.pk, 1),
        (boss.pk, "history", user, alice.pk, alice.pk, 1),
        (boss.pk, "search", device, alice.pk, alice.pk, 1),
        (boss.pk, "view", device, phone.pk, alice.pk, 1),
        (boss.pk, "view", device, phone.pk, alice.pk, 1),
        (boss.pk, "list", user, "", alice.pk, 1),
    ]


def test_it_is_logged_without_a_word_of_it(scene: Cast, caplog: pytest.LogCaptureFixture) -> None:
    mallory = clerk("mallory")
    with caplog.at_level(logging.INFO, logger=audit.__name__):
        read(browser(mallory), "/admin/chat/message/", q=SECRET)
        read(browser(mallory), "/admin/chat/message/")
    assert caplog.messages[-2:] == [
        f"{mallory.pk} read chat.message (search), 0 objects of 0 rooms or users",
        f"{mallory.pk} read chat.message (list), 2 objects of 1 rooms or users",
    ]
    assert SECRET not in repr(list(AuditEntry.objects.values()))


def test_without_the_line_nothing_is_shown(scene: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError("no line")

    client = browser(clerk("mallory"))
    client.raise_request_exception = False
    monkeypatch.setattr(AuditEntry, "save", fail)
    answer = client.get("/admin/chat/message/")
    assert answer.status_code == 500
    assert SECRET not in answer.content.decode()


def test_what_is_refused_leaves_no_line(scene: Cast) -> None:
    mallory = clerk("mallory")
    mallory.user_permissions.set(Permission.objects.filter(codename="view_group"))
    for path in ("/admin/chat/message/", "/admin/rooms/room/", "/admin/accounts/user/"):
        assert browser(mallory).get(path).status_code == 403
    assert lines() == []


def test_superusers_read_the_lines(scene: Cast) -> None:
    mallory, boss = clerk("mallory"), administrator("boss")
    read(browser(mallory), "/admin/chat/message/")
    page = read(browser(boss), AUDIT, q=scene.room.pk)
    assert mallory.pk in page
    entry = AuditEntry.objects.get()
    assert scene.room.pk in read(browser(boss), f"{AUDIT}{entry.pk}/change/")
    assert len(lines()) == 1


@pytest.mark.parametrize("path", ["", "{entry}/change/", "{entry}/history/"])
def test_other_staff_does_not(path: str) -> None:
    """Whatever permissions they have."""
    mallory = clerk("mallory")
    read(browser(mallory), "/admin/rooms/room/")
    entry = AuditEntry.objects.get()
    assert browser(mallory).get(AUDIT + path.format(entry=entry.pk)).status_code == 403
    assert "auditentry" not in read(browser(mallory), "/admin/")


@pytest.mark.parametrize("path", ["add/", "{entry}/change/", "{entry}/delete/"])
def test_superusers_change_and_delete_none(path: str) -> None:
    boss = administrator("boss")
    read(browser(boss), "/admin/rooms/room/")
    entry, before = AuditEntry.objects.get(), lines()
    form = {"actor_identity": "x", "post": "yes"}
    assert browser(boss).post(AUDIT + path.format(entry=entry.pk), form).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    browser(boss).post(AUDIT, chosen)
    assert lines() == before


def test_nor_does_our_own_code() -> None:
    read(browser(administrator("boss")), "/admin/rooms/room/")
    entry, before = AuditEntry.objects.get(), lines()
    for change in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(shown=0),
        lambda: AuditEntry.objects.bulk_update([entry], ["shown"]),
    ):
        with pytest.raises(TypeError):
            change()
    assert lines() == before


def test_lines_outlive_those_they_are_about(alice: User) -> None:
    root, boss = make_user("gone-soon"), administrator("boss")
    User.objects.filter(pk=root.pk).update(is_staff=True, is_superuser=True)
    read(browser(User.objects.get(pk=root.pk)), f"/admin/accounts/user/{alice.pk}/change/")
    before = lines()
    for user in (root, alice):
        chosen = {"action": "delete_personal_data", "_selected_action": [user.pk], "sure": "yes"}
        browser(boss).post("/admin/accounts/user/", chosen)
    assert lines()[: len(before)] == before
