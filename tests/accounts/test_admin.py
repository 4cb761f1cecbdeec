"""Users and devices in Django admin: the rules of registration, no passwords, literal search."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client
from time_machine import Traveller

from accounts import services
from accounts.models import DeviceSession, RecoveryCode, TwoFactor, User
from tests.accounts.conftest import PASSWORD, make_user
from tests.accounts.phone import enrol
from tests.api import Api
from tests.mailbox import delivered_to

USERS = "/admin/accounts/user/"
DEVICES = "/admin/accounts/devicesession/"


@pytest.fixture
def root() -> Client:
    user = make_user("root-user")
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


def fields(user: User, **changes: Any) -> dict[str, Any]:
    """Returns what the change form of `user` posts."""
    sent = {
        "account": user.account,
        "email": user.email,
        "nickname": user.nickname,
        "sex": user.sex,
        "is_active": "on",
        **changes,
    }
    return {name: value for name, value in sent.items() if value is not None}


def found(client: Client, query: str) -> set[str]:
    response = client.get(USERS, {"q": query})
    assert response.status_code == 200
    return {user.account for user in response.context["cl"].queryset}


@pytest.mark.parametrize(
    ("query", "accounts"),
    [
        ("alice", {"alice"}),
        ("alice@example.org", {"alice"}),
        ("lic", {"alice"}),
        (".*", set()),
        ("a|b", set()),
        ("(a+)+$", set()),
        ("[", set()),
        ("\\", set()),
        ("nobody", set()),
    ],
)
def test_search_is_literal(root: Client, alice: User, query: str, accounts: set[str]) -> None:
    assert found(root, query) == accounts


def test_names_are_inert(root: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(nickname="<script>alert(1)</script>")
    for path in (USERS, f"{USERS}{alice.pk}/change/"):
        assert "<script>alert" not in root.get(path).content.decode()


def test_no_page_shows_or_takes_a_password(root: Client, alice: User) -> None:
    before = User.objects.get(pk=alice.pk).password
    page = root.get(f"{USERS}{alice.pk}/change/").content.decode()
    assert "argon2" not in page
    assert 'type="password"' not in page
    root.post(f"{USERS}{alice.pk}/change/", fields(alice, password="x", password1="x"))
    assert User.objects.get(pk=alice.pk).password == before


def test_adding_a_user_who_sets_a_password_by_code(root: Client) -> None:
    new = User(account=" Carol ", email="Carol@Example.org", nickname="Carol")
    assert root.post(f"{USERS}add/", fields(new)).status_code == 302
    user = User.objects.get(account="carol")
    assert user.email == "carol@example.org"
    assert not user.has_usable_password()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"account": "BOB"}, "account"),
        ({"account": "admin"}, "account"),
        ({"account": "a b"}, "account"),
        ({"email": "BOB@example.org"}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"nickname": "\u200b"}, "nickname"),
        ({"sex": 7}, "sex"),
    ],
)
def test_the_registrations_rules_hold(
    root: Client, alice: User, bob: User, changes: dict[str, Any], field: str
) -> None:
    response = root.post(f"{USERS}{alice.pk}/change/", fields(alice, **changes))
    assert list(response.context["adminform"].form.errors) == [field]
    assert User.objects.get(pk=alice.pk).account == "alice"


def test_deactivating_signs_out_everywhere(root: Client, alice: User, closed: list[str]) -> None:
    api = Api(alice)
    root.post(f"{USERS}{alice.pk}/change/", fields(alice, is_active=None))
    assert not User.objects.get(pk=alice.pk).is_active
    assert closed == [f"session:{api.session.identity}"]
    assert api.get("users/me/").status_code == 401


def test_users_are_not_deleted(root: Client, alice: User) -> None:
    assert root.post(f"{USERS}{alice.pk}/delete/", {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": alice.pk, "post": "yes"}
    root.post(USERS, action)
    assert User.objects.filter(pk=alice.pk).exists()


@pytest.mark.parametrize("by_group", [True, False])
def test_staff_cannot_make_superusers(alice: User, bob: User, by_group: bool) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    permissions = Permission.objects.filter(codename__in=["view_user", "change_user"])
    if by_group:
        group = Group.objects.get_or_create(name="moderators")[0]
        group.permissions.set(permissions)
        alice.groups.set([group])
    else:
        alice.user_permissions.set(permissions)
    client = Client()
    client.force_login(User.objects.get(pk=alice.pk))
    for user in (alice, bob):
        changes = fields(user, is_superuser="on", nickname="changed")
        assert client.post(f"{USERS}{user.pk}/change/", changes).status_code == 302
        stored = User.objects.get(pk=user.pk)
        assert (stored.nickname, stored.is_superuser) == ("changed", False)
    assert client.get(DEVICES).status_code == 403


def test_devices_are_listed_and_searched(root: Client, alice: User, bob: User) -> None:
    api = Api(alice)
    Api(bob)
    page = root.get(DEVICES, {"q": alice.pk})
    assert [s.identity for s in page.context["cl"].queryset] == [api.session.identity]
    detail = root.get(f"{DEVICES}{api.session.identity}/change/")
    assert detail.status_code == 200
    assert "10.0.0.1" in detail.content.decode()
    assert root.get(f"{DEVICES}add/").status_code == 403
    assert root.post(f"{DEVICES}{api.session.identity}/change/", {"ip": "x"}).status_code == 403


def test_deleting_devices_signs_them_out(root: Client, alice: User, closed: list[str]) -> None:
    devices = [Api(alice), Api(alice)]
    chosen = [api.session.identity for api in devices]
    action = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    assert root.post(DEVICES, action).status_code == 302
    assert DeviceSession.objects.filter(user=alice).count() == 0
    assert sorted(closed) == sorted(f"session:{identity}" for identity in chosen)
    assert [api.get("users/me/").status_code for api in devices] == [401, 401]


def test_deleting_one_device(root: Client, alice: User, closed: list[str]) -> None:
    session = services.sign_in_user(user=alice, ip="", device="").session
    root.post(f"{DEVICES}{session.identity}/delete/", {"post": "yes"})
    assert closed == [f"session:{session.identity}"]
    assert not DeviceSession.objects.filter(pk=session.pk).exists()


# --- switching two-factor authentication off ------------------------------------------------

SWITCH_OFF = {"action": "switch_two_factor_off"}


def test_superusers_switch_two_factor_off(
    root: Client, alice: User, bob: User, clock: Traveller
) -> None:
    enrol(alice, clock)
    chosen = SWITCH_OFF | {"_selected_action": [alice.pk, bob.pk]}
    asked = root.post(USERS, chosen)
    assert asked.status_code == 200
    assert "alice (Alice, alice@example.org)" in asked.content.decode()
    assert TwoFactor.objects.count() == 1
    done = root.post(USERS, chosen | {"sure": "yes"}, follow=True)
    assert "Turned off for: alice" in done.content.decode()
    assert (TwoFactor.objects.count(), RecoveryCode.objects.count()) == (0, 0)
    subject = "Two-factor authentication is off for your IMSystem account"
    assert [mail.subject for mail in delivered_to(alice.email)][-1] == subject
    assert delivered_to(bob.email) == []
    [entry] = LogEntry.objects.filter(object_id__in=[alice.pk, bob.pk])
    assert entry.object_id == alice.pk
    assert entry.change_message == "Two-factor authentication turned off."


def test_other_staff_does_not(alice: User, bob: User, clock: Traveller) -> None:
    enrol(alice, clock)
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    bob.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client = Client()
    client.force_login(User.objects.get(pk=bob.pk))
    assert "switch_two_factor_off" not in client.get(USERS).content.decode()
    client.post(USERS, SWITCH_OFF | {"_selected_action": [alice.pk], "sure": "yes"})
    assert TwoFactor.objects.count() == 1


@pytest.mark.parametrize("on", [True, False])
def test_the_user_page_says_whether_it_is_on(
    root: Client, alice: User, clock: Traveller, on: bool
) -> None:
    if on:
        enrol(alice, clock)
    page = root.get(f"{USERS}{alice.pk}/change/").content.decode()
    field = page.split("field-two_factor", 1)[1]
    assert f"icon-{'yes' if on else 'no'}" in field.split("fieldset")[0]


def test_createsuperuser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command(
        "createsuperuser", "--noinput", account="Boss", email="Boss@Example.org", verbosity=0
    )
    boss = User.objects.get(account="boss")
    assert (boss.email, boss.nickname, boss.is_superuser) == ("boss@example.org", "boss", True)
    assert boss.check_password(PASSWORD)
