"""Deleting an account: personal data is erased, messages stay, nothing is left half done."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import translation
from time_machine import Traveller

from accounts import services
from accounts.canonical import valid_account
from accounts.errors import BadCredentials
from accounts.models import Avatar, DeviceSession, RecoveryCode, TwoFactor, User
from accounts.payloads import public_user
from accounts.services import account_deletion
from chat import inbox
from chat.services import send_message
from imsystem.errors import BadRequest, Forbidden
from imsystem.loops import run_on_loop
from rooms import services as rooms
from tests.accounts.conftest import PASSWORD, ask_code, make_user
from tests.accounts.phone import enrol
from tests.api import NOT_AUTHENTICATED, Api, bad_request, forbidden, initial, invalid
from tests.mailbox import delivered, delivered_to

PATH = "users/me/delete/"
LAST = "This is the only administrator. Make someone else an administrator first."
USERS = "/admin/accounts/user/"


def delete(user: User, **changes: Any) -> Any:
    return Api(user).post(PATH, {"password": PASSWORD, **changes})


def stored(user: User) -> dict[str, Any]:
    """Returns the whole document except for what depends on the time."""
    found = User.objects.filter(pk=user.pk).values().get()
    for name in ("password", "created_at", "updated_at", "password_set_at", "deleted_at"):
        del found[name]
    return found


def logged(user: User) -> LogEntry:
    """Returns the only entry about the user in the admin's log."""
    return LogEntry.objects.get(object_id=user.pk)


def superuser(name: str) -> User:
    user = make_user(name)
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    return User.objects.get(pk=user.pk)


# --- what goes ------------------------------------------------------------------------------


def test_everything_personal_goes(alice: User, closed: list[str]) -> None:
    alice.groups.set([Group.objects.get_or_create(name="moderators")[0]])
    alice.user_permissions.set(Permission.objects.all()[:2])
    User.objects.filter(pk=alice.pk).update(sex=2, is_staff=True, avatar="a" * 24)
    for model, fields in (
        (Avatar, {"data": b"x"}), (TwoFactor, {"secret": "x"}), (RecoveryCode, {"digest": "x"}),
    ):  # fmt: skip
        model.objects.create(user=alice, **fields)
    api, elsewhere = Api(alice), Api(alice)
    answer = api.post(PATH, {"password": PASSWORD})
    assert (answer.status_code, answer.content) == (204, b"")
    name = f"deleted-{alice.pk}"
    assert stored(alice) == {
        "identity": alice.pk,
        "account": name,
        "email": f"{name}@deleted.invalid",
        "nickname": "",
        "sex": 0,
        "avatar": "",
        "is_active": False,
        "is_staff": False,
        "is_superuser": False,
        "who_may_add": "nobody",
        "who_sees_online": "everyone",
        "read_receipts": True,
        "language": "en",
    }
    gone = User.objects.get(pk=alice.pk)
    assert gone.deleted_at is not None
    assert not gone.has_usable_password()
    assert (gone.groups.count(), gone.user_permissions.count()) == (0, 0)
    for model in (Avatar, TwoFactor, RecoveryCode, DeviceSession):
        assert not model.objects.filter(user=alice).exists()
    assert set(closed) == {f"session:{device.session.identity}" for device in (api, elsewhere)}
    assert elsewhere.get("users/me/").json() == NOT_AUTHENTICATED


def test_a_cookie_is_worth_nothing_afterwards(alice: User) -> None:
    browser = Client()
    browser.force_login(alice)
    assert browser.get("/accounts/profile/").status_code == 200
    delete(alice)
    assert browser.get("/accounts/profile/").status_code == 302


def test_nobody_signs_in_as_who_is_gone(alice: User) -> None:
    delete(alice)
    for name in ("alice", "alice@example.org", f"deleted-{alice.pk}"):
        with pytest.raises(BadCredentials):
            services.check_credentials(account=name, password=PASSWORD, ip="")


def test_the_address_gets_a_last_mail_and_may_register_anew(alice: User) -> None:
    delete(alice)
    (notice,) = delivered_to("alice@example.org")
    assert notice.subject == "Your IMSystem account has been deleted"
    code = ask_code("alice@example.org")
    new = services.register(
        account="alice", email="alice@example.org", code=code, password=PASSWORD
    )
    assert new.pk != alice.pk


def test_nobody_is_called_like_a_deleted_account(alice: User) -> None:
    for name in (f"deleted-{alice.pk}", "Deleted-x", "deleted-"):
        with pytest.raises(BadRequest) as error:
            valid_account(name)
        assert dict(error.value.errors) == {"account": ["This username is reserved."]}
    assert valid_account("deleted") == "deleted"


def test_the_admins_log_forgets_the_name_too(alice: User) -> None:
    root = superuser("root-user")
    client = Client()
    client.force_login(root)
    changed = {"account": "alice", "email": "alice@example.org", "nickname": "Al", "sex": 0}
    client.post(f"{USERS}{alice.pk}/change/", {**changed, "is_active": "on"})
    assert logged(alice).object_repr == "Al"
    delete(alice)
    assert logged(alice).object_repr == f"deleted-{alice.pk}"


# --- what stays -----------------------------------------------------------------------------


def test_messages_stay_as_those_of_a_deleted_user(alice: User, bob: User) -> None:
    direct, _created = rooms.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    group = rooms.create_group(creator=alice, name="Bar", members=[bob.pk])
    for room in (direct, group):
        run_on_loop(
            send_message(user_identity=alice.pk, room_identity=room.pk, client_id="1", data="hi")
        )
    delete(alice)
    api = Api(bob)
    for room in (direct, group):
        (message,) = api.get(f"rooms/{room.pk}/messages/").json()["messages"]
        assert (message["user_identity"], message["data"]) == (alice.pk, "hi")
    seen = {
        "identity": alice.pk,
        "account": f"deleted-{alice.pk}",
        "nickname": "Deleted user",
        "sex": 0,
        "avatar": initial(alice.pk, "?"),
        "created_at": alice.created_at,
        "deleted": True,
    }
    assert api.get(f"users/{alice.pk}/").json() == {**seen, "online": False}
    shown = api.get(f"rooms/{direct.pk}/").json()
    assert (shown["name"], shown["peer"]) == ("Deleted user", seen)
    members = api.get(f"rooms/{group.pk}/members/").json()["results"]
    assert [(m["user"]["identity"], m["role"]) for m in members] == [(bob.pk, "owner")]


def test_the_other_side_writes_on_and_nobody_else_comes_in(alice: User, bob: User) -> None:
    room, _created = rooms.open_direct(inbox=inbox, user=alice, peer_identity=bob.pk)
    carol = make_user("carol")
    delete(alice)
    path = f"rooms/{room.pk}/messages/"
    assert Api(bob).post(path, {"client_id": "1", "data": "x"}).status_code == 201
    again = Api(bob).post("rooms/direct/", {"user_identity": alice.pk})
    assert (again.status_code, again.json()["identity"]) == (200, room.pk)
    refused = Api(carol).post("rooms/direct/", {"user_identity": alice.pk})
    assert refused.json() == forbidden("This person's privacy settings don't allow this.")


def test_the_name_is_in_the_readers_language(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(deleted_at=1, nickname="")
    alice.refresh_from_db()
    with translation.override("en"):
        assert public_user(alice)["nickname"] == "Deleted user"


def test_a_message_on_its_way_is_stored_or_not(alice: User, bob: User) -> None:
    """An account is deleted while it sends: every acknowledged message is there."""
    room = rooms.create_group(creator=bob, name="Bar", members=[alice.pk])

    def send(number: int) -> bool:
        sent = send_message(
            user_identity=alice.pk, room_identity=room.pk, client_id=str(number), data="x"
        )
        try:
            run_on_loop(sent)
        except Exception:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        sends = [pool.submit(send, number) for number in range(40)]
        services.delete_account(user=User.objects.get(pk=alice.pk))
        acked = sum(send.result() for send in sends)
    history = Api(bob).get(f"rooms/{room.pk}/messages/").json()
    assert len(history["messages"]) == acked


# --- who may, and when ----------------------------------------------------------------------


def test_a_wrong_password_deletes_nothing(alice: User) -> None:
    before = stored(alice)
    refused = delete(alice, password="wrong")
    error = bad_request(password=["This is not your current password."])
    assert (refused.status_code, refused.json()) == (400, error)
    assert stored(alice) == before
    assert delivered() == []


@pytest.mark.parametrize("password", [None, 1, ["x"], {"$ne": None}])
def test_bad_bodies(alice: User, password: Any) -> None:
    assert delete(alice, password=password).status_code == 400
    assert User.objects.get(pk=alice.pk).is_active
    assert Api(alice).post(PATH, {}).json() == invalid(password=["This field is required."])


def test_the_second_factor_is_asked_for(alice: User, clock: Traveller) -> None:
    phone = enrol(alice, clock)
    refused = delete(alice)
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["otp"])
    assert delete(alice, otp=phone.wrong()).status_code == 400
    assert User.objects.get(pk=alice.pk).is_active
    assert delete(alice, otp=phone.code()).status_code == 204


def test_the_last_superuser_stays(alice: User) -> None:
    root, other = superuser("root-user"), superuser("other")
    User.objects.filter(pk=other.pk).update(is_active=False)
    before = stored(root)
    api = Api(root)
    refused = api.post(PATH, {"password": PASSWORD})
    assert (refused.status_code, refused.json()) == (403, forbidden(LAST))
    assert stored(root) == before
    assert api.get("users/me/").status_code == 200
    User.objects.filter(pk=other.pk).update(is_active=True)
    assert delete(root).status_code == 204


def test_of_two_superusers_who_leave_at_once_one_stays() -> None:
    def leave(user: User) -> bool:
        try:
            services.delete_account(user=user)
        except Forbidden:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            User.objects.filter(is_superuser=True).update(is_superuser=False)
            pair = [superuser(f"a{number}"), superuser(f"b{number}")]
            left = list(pool.map(leave, pair))
            assert User.objects.filter(is_superuser=True, is_active=True).count() == 2 - sum(left)
            assert sum(left) <= 1


def test_of_two_deletions_at_once_both_end_well() -> None:
    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            user = make_user(f"u{number}")
            copies = [User.objects.get(pk=user.pk) for _ in range(2)]
            list(pool.map(lambda copy: services.delete_account(user=copy), copies))
            assert stored(user)["account"] == f"deleted-{user.pk}"


@pytest.mark.parametrize("step", ["leave", "mail", "erase"])
def test_interrupted_anywhere_it_is_finished_by_a_repeat(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    group = rooms.create_group(creator=alice, name="Bar", members=[bob.pk])

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError(step)

    api = Api(alice)
    with monkeypatch.context() as patch:
        if step == "leave":
            patch.setattr(account_deletion, "_leaves", [fail])
        elif step == "mail":
            patch.setattr(account_deletion.mails, "send_account_deleted", fail)
        else:
            patch.setattr(account_deletion, "LogEntry", fail)
        with pytest.raises((RuntimeError, AttributeError)):
            services.delete_account(user=User.objects.get(pk=alice.pk))
    assert not User.objects.get(pk=alice.pk).is_active
    assert api.get("users/me/").json() == NOT_AUTHENTICATED
    call_command("delete_account", "alice", "--yes", verbosity=0)
    assert stored(alice)["email"] == f"deleted-{alice.pk}@deleted.invalid"
    members = Api(bob).get(f"rooms/{group.pk}/members/").json()["results"]
    assert [member["role"] for member in members] == ["owner"]


def test_deleting_again_changes_nothing(alice: User) -> None:
    delete(alice)
    before = User.objects.filter(pk=alice.pk).values().get()
    services.delete_account(user=User.objects.get(pk=alice.pk))
    assert User.objects.filter(pk=alice.pk).values().get() == before
    assert [mail.to for mail in delivered()] == [["alice@example.org"]]


# --- by an administrator --------------------------------------------------------------------


def admin_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_superusers_delete_others_after_being_asked(alice: User) -> None:
    root = superuser("root-user")
    client, action = admin_of(root), {"action": "delete_personal_data"}
    asked = client.post(USERS, {**action, "_selected_action": alice.pk})
    assert "Delete permanently" in asked.content.decode()
    assert User.objects.get(pk=alice.pk).is_active
    client.post(USERS, {**action, "_selected_action": alice.pk, "sure": "yes"})
    assert stored(alice)["account"] == f"deleted-{alice.pk}"
    entry = logged(alice)
    assert (entry.user_id, entry.object_repr) == (root.pk, f"deleted-{alice.pk}")
    assert "alice" not in entry.change_message


def test_the_last_superuser_is_not_deleted_here_either(alice: User) -> None:
    root = superuser("root-user")
    chosen = {"action": "delete_personal_data", "_selected_action": [root.pk, alice.pk]}
    answer = admin_of(root).post(USERS, {**chosen, "sure": "yes"}, follow=True)
    assert LAST in answer.content.decode()
    assert stored(root)["account"] == "root-user"
    assert stored(alice)["account"] == f"deleted-{alice.pk}"


def test_other_staff_cannot(alice: User, bob: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    may = Permission.objects.filter(codename__in=["view_user", "change_user", "delete_user"])
    alice.user_permissions.set(may)
    client = admin_of(User.objects.get(pk=alice.pk))
    assert "delete_personal_data" not in client.get(USERS).content.decode()
    action = {"action": "delete_personal_data", "_selected_action": bob.pk, "sure": "yes"}
    client.post(USERS, action)
    assert stored(bob)["account"] == "bob"


def test_who_is_deleted_is_not_changed_any_more(alice: User) -> None:
    client = admin_of(superuser("root-user"))
    delete(alice)
    before = stored(alice)
    page = client.get(f"{USERS}{alice.pk}/change/")
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    refused = client.post(f"{USERS}{alice.pk}/change/", {"account": "alice", "is_active": "on"})
    assert refused.status_code == 403
    assert stored(alice) == before


def test_the_command_asks_first(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _question: "Alice?")
    with pytest.raises(CommandError, match=r"Nothing is deleted\."):
        call_command("delete_account", "alice")
    assert User.objects.get(pk=alice.pk).is_active
    monkeypatch.setattr("builtins.input", lambda _question: "alice")
    call_command("delete_account", "Alice@example.org", verbosity=0)
    assert stored(alice)["account"] == f"deleted-{alice.pk}"


@pytest.mark.parametrize("name", ["nobody", "a.*", "deleted"])
def test_the_command_knows_whom_it_does_not_find(alice: User, name: str) -> None:
    delete(alice)
    wanted = f"deleted-{alice.pk}" if name == "deleted" else name
    with pytest.raises(CommandError, match="There is nobody called"):
        call_command("delete_account", wanted, "--yes")


def test_the_command_keeps_the_last_superuser() -> None:
    superuser("root-user")
    with pytest.raises(CommandError, match="only administrator"):
        call_command("delete_account", "root-user", "--yes")
