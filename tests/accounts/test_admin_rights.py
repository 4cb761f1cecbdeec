"""Nobody gains rights through Django admin, and one administrator always stays."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts import policies, services
from accounts.models import DeviceSession, User
from imsystem.errors import BadRequest
from tests.accounts.conftest import PASSWORD, make_user
from tests.accounts.test_admin import DEVICES, USERS, fields
from tests.api import Api
from tests.mailbox import delivered

GROUPS = "/admin/auth/group/"
LAST = "This is the only administrator. Make someone else an administrator first."
OWN_PAGES = "To change your own account, use your profile pages."


def administrator(name: str) -> User:
    user = make_user(name)
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    return User.objects.get(pk=user.pk)


def clerk(name: str = "clerk") -> User:
    """Returns a staff member with every permission: what is refused is refused for lack of rank."""
    user = make_user(name)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    return User.objects.get(pk=user.pk)


def new_group() -> Group:
    """Returns a group without permissions. Groups outlive a test (tests.conftest.KEPT)."""
    group = Group.objects.get_or_create(name="moderators")[0]
    group.permissions.clear()
    return group


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def whole(user: User) -> dict[str, Any]:
    """Returns everything stored about a user and their rights, except the time of the last
    change."""
    document = User.objects.filter(pk=user.pk).values().get()
    del document["updated_at"]
    rights = {
        "groups": sorted(str(pk) for pk in user.groups.values_list("pk", flat=True)),
        "permissions": user.user_permissions.count(),
    }
    return document | rights


def change_page(user: User) -> str:
    return f"{USERS}{user.pk}/change/"


# --- staff without the rank -----------------------------------------------------------------

ATTEMPTS: list[dict[str, Any]] = [
    {"email": "mallory@example.org"},
    {"account": "renamed"},
    {"is_active": None},
    {"is_staff": None},
    {"is_staff": "on"},
    {"is_superuser": "on"},
    {"password": "pbkdf2_sha256$1$x$y", "password1": PASSWORD, "password2": PASSWORD},
]


def target(who: str, self_: User) -> User:
    if who == "superuser":
        return administrator("boss")
    return self_ if who == "oneself" else clerk("other-clerk")


@pytest.mark.parametrize("who", ["superuser", "staff", "oneself"])
@pytest.mark.parametrize("way", [{}, {"_popup": "1"}, {"_saveasnew": "1"}], ids=str)
def test_staff_cannot_touch_what_staff_signs_in_with(who: str, way: dict[str, str]) -> None:
    """One after the other on the same people: making a clerk takes longer than all attempts."""
    mallory = clerk()
    user = target(who, mallory)
    before, mallorys = whole(user), browser(mallory)
    groups = {"groups": [new_group().pk]}
    permissions = {"user_permissions": [Permission.objects.first().pk]}  # type: ignore[union-attr]
    for attempt in ATTEMPTS:
        if user.is_superuser and attempt.get("is_superuser"):
            attempt = {"is_superuser": None}
        posted = fields(user, is_staff="on", **groups, **permissions, **way) | attempt
        posted = {name: value for name, value in posted.items() if value is not None}
        answer = mallorys.post(change_page(user), posted)
        assert answer.status_code in (200, 302), attempt
        assert whole(user) == before, attempt
        assert delivered() == [], attempt


def test_what_staff_may_not_change_is_not_on_the_form() -> None:
    page = browser(clerk()).get(change_page(administrator("boss")))
    assert set(page.context["adminform"].form.fields) == {"nickname", "sex"}


def test_staff_changes_what_others_see_of_staff() -> None:
    boss = administrator("boss")
    browser(clerk()).post(change_page(boss), fields(boss, nickname="The Boss"))
    assert User.objects.get(pk=boss.pk).nickname == "The Boss"


def test_staff_helps_users_to_another_address_and_the_old_one_is_told(alice: User) -> None:
    answer = browser(clerk()).post(change_page(alice), fields(alice, email="New@example.org"))
    assert answer.status_code == 302
    assert User.objects.get(pk=alice.pk).email == "new@example.org"
    (notice,) = delivered()
    assert notice.to == ["alice@example.org"]
    assert notice.subject == "The e-mail address of your IMSystem account was changed"
    assert "n***@example.org" in notice.body


@pytest.mark.parametrize("popup", [False, True])
def test_added_users_have_no_rights(popup: bool) -> None:
    rights = {"is_staff": "on", "is_superuser": "on", "user_permissions": ["x"], "groups": ["x"]}
    new = User(account="carol", email="carol@example.org", nickname="Carol")
    posted = fields(new, **rights) | ({"_popup": "1"} if popup else {})
    assert browser(clerk()).post(f"{USERS}add/", posted).status_code == (200 if popup else 302)
    carol = User.objects.get(account="carol")
    assert (carol.is_staff, carol.is_superuser) == (False, False)
    assert carol.user_permissions.count() + carol.groups.count() == 0


@pytest.mark.parametrize("page", ["add/", "{group}/change/", "{group}/delete/"])
def test_groups_are_changed_by_superusers_only(page: str) -> None:
    """Somebody who changes a group that they are in would give themselves its permissions."""
    mallory, group = clerk(), new_group()
    mallory.groups.set([group])
    permissions = list(Permission.objects.values_list("pk", flat=True))
    form = {"name": "renamed", "permissions": permissions, "post": "yes"}
    path = GROUPS + page.format(group=group.pk)
    assert browser(mallory).post(path, form).status_code == 403
    group.refresh_from_db()
    assert (group.name, group.permissions.count()) == ("moderators", 0)
    assert Group.objects.filter(name="renamed").count() == 0
    assert browser(mallory).get(f"{GROUPS}{group.pk}/change/").status_code == 200


def test_groups_are_not_deleted_by_an_action_either() -> None:
    group = new_group()
    action = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}
    browser(clerk()).post(GROUPS, action)
    assert Group.objects.filter(pk=group.pk).exists()


def test_superusers_still_change_groups() -> None:
    group = new_group()
    form = {"name": "moderators", "permissions": [Permission.objects.first().pk]}  # type: ignore[union-attr]
    answer = browser(administrator("boss")).post(f"{GROUPS}{group.pk}/change/", form)
    assert answer.status_code == 302
    assert group.permissions.count() == 1
    group.permissions.clear()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/auth/permission/"),
        ("POST", "/admin/auth/permission/add/"),
        ("POST", "/admin/sessions/session/"),
        ("POST", "/admin/admin/logentry/"),
    ],
)
def test_permissions_and_cookies_have_no_pages(method: str, path: str) -> None:
    assert browser(administrator("boss")).generic(method, path).status_code == 404


def test_djangos_own_form_for_passwords_is_not_there(alice: User) -> None:
    before = whole(alice)
    form = {"password1": "another one 1", "password2": "another one 1", "usable_password": "true"}
    for user in (clerk(), administrator("boss")):
        answer = browser(user).post(f"{USERS}{alice.pk}/password/", form, follow=True)
        assert answer.status_code in (200, 404)
    assert whole(alice) == before


@pytest.mark.parametrize("action", ["switch_two_factor_off", "delete_personal_data"])
def test_actions_for_superusers_only(action: str, alice: User) -> None:
    before = whole(alice)
    chosen = {"action": action, "_selected_action": [alice.pk], "sure": "yes"}
    browser(clerk()).post(USERS, chosen)
    assert whole(alice) == before


@pytest.mark.parametrize(
    "query",
    [
        {"password__startswith": "argon2"},
        {"password__gte": "argon2"},
        {"email__regex": "^b"},
        {"email__iexact": "boss@example.org"},
        {"user_permissions__codename": "x"},
        {"groups__user__password__startswith": "argon2"},
        {"_to_field": "password"},
    ],
)
def test_lists_answer_no_questions_about_secrets(query: dict[str, str]) -> None:
    """Django filters by every field of the model that the query names."""
    administrator("boss")
    answer = browser(clerk()).get(USERS, query)
    assert answer.status_code == 400
    assert b"boss" not in answer.content


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (DEVICES, {"refresh_hash__startswith": "a"}),
        (DEVICES, {"user__password__startswith": "argon2"}),
        ("/admin/chat/message/", {"data__contains": "secret"}),
        ("/admin/rooms/room/", {"name__regex": ".*"}),
    ],
)
def test_the_other_lists_neither(path: str, query: dict[str, str]) -> None:
    assert browser(administrator("boss")).get(path, query).status_code == 400


@pytest.mark.parametrize("value", ["0", "1"])
def test_the_filters_beside_the_list_work(value: str) -> None:
    boss = administrator("boss")
    found = browser(boss).get(USERS, {"is_active__exact": value}).context["cl"].queryset
    assert [user.account for user in found] == (["boss"] if value == "1" else [])


def test_no_field_completes_itself_from_users() -> None:
    query = {"app_label": "admin", "model_name": "logentry", "field_name": "user", "term": "b"}
    mallory = clerk()
    mallory.user_permissions.clear()
    assert browser(mallory).get("/admin/autocomplete/", query).status_code == 403


@pytest.mark.parametrize("by_action", [True, False])
def test_devices_of_staff_are_signed_out_by_superusers_only(alice: User, by_action: bool) -> None:
    boss, mallory = administrator("boss"), clerk()
    theirs, ordinary = Api(boss), Api(alice)

    def sign_out(client: Client, api: Api) -> None:
        assert api.session is not None
        if by_action:
            chosen = {"action": "delete_selected", "_selected_action": [api.session.pk]}
            client.post(DEVICES, chosen | {"post": "yes"})
        else:
            client.post(f"{DEVICES}{api.session.pk}/delete/", {"post": "yes"})

    sign_out(browser(mallory), theirs)
    assert theirs.get("users/me/").status_code == 200
    sign_out(browser(mallory), ordinary)
    assert ordinary.get("users/me/").status_code == 401
    sign_out(browser(administrator("second")), theirs)
    assert theirs.get("users/me/").status_code == 401
    assert not DeviceSession.objects.filter(pk=theirs.session.pk).exists()  # type: ignore[union-attr]


@pytest.mark.parametrize("field", ["is_staff", "is_superuser", "is_active", "groups", "email"])
def test_the_api_gives_no_rights(alice: User, field: str) -> None:
    api, before = Api(alice), whole(alice)
    value = "x@example.org" if field == "email" else True
    assert api.patch("users/me/", {field: value}).status_code == 200
    assert whole(alice) == before


# --- superusers -----------------------------------------------------------------------------


def test_superusers_give_and_take_rights(alice: User) -> None:
    client = browser(administrator("boss"))
    group = new_group()
    posted = fields(alice, is_staff="on", is_superuser="on", groups=[group.pk])
    assert client.post(change_page(alice), posted).status_code == 302
    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_superuser, alice.groups.count()) == (True, True, 1)
    assert client.post(change_page(alice), fields(alice)).status_code == 302
    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_superuser, alice.groups.count()) == (False, False, 0)


def test_nobody_changes_their_own_address_here() -> None:
    """An open browser would be enough here, although the user's own page asks for the password."""
    boss = administrator("boss")
    before = whole(boss)
    page = browser(boss).get(change_page(boss))
    assert "email" not in page.context["adminform"].form.fields
    posted = fields(boss, is_staff="on", is_superuser="on", email="mallory@example.org")
    browser(boss).post(change_page(boss), posted)
    assert whole(boss) == before


@pytest.mark.parametrize("action", ["switch_two_factor_off", "delete_personal_data"])
def test_nobody_goes_around_their_own_second_factor(action: str) -> None:
    boss, _second = administrator("boss"), administrator("second")
    before = whole(boss)
    chosen = {"action": action, "_selected_action": [boss.pk], "sure": "yes"}
    answer = browser(boss).post(USERS, chosen, follow=True)
    assert OWN_PAGES in answer.content.decode()
    assert whole(boss) == before


def test_a_reserved_name_given_by_createsuperuser_can_be_kept(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(account="admin")
    alice.refresh_from_db()
    posted = fields(alice, nickname="The Admin")
    assert browser(administrator("boss")).post(change_page(alice), posted).status_code == 302
    assert User.objects.get(pk=alice.pk).nickname == "The Admin"


def test_a_save_writes_what_was_changed_and_nothing_else(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that is changed while an administrator saves the page is not changed back."""
    judge = policies.fixed_fields

    def while_alice_acts(actor: User, user: User | None) -> frozenset[str]:
        fresh = User.objects.get(pk=alice.pk)
        fresh.set_password("another password 1")
        fresh.save()
        return judge(actor, user)

    monkeypatch.setattr("accounts.services.administrators.fixed_fields", while_alice_acts)
    browser(administrator("boss")).post(change_page(alice), fields(alice, nickname="Al"))
    stored = User.objects.get(pk=alice.pk)
    assert (stored.nickname, stored.check_password("another password 1")) == ("Al", True)


def test_another_users_name_is_told_and_changes_nothing(alice: User, bob: User) -> None:
    """Both names were free when the form checked them."""
    boss = administrator("boss")
    for changes, field in (({"account": "bob"}, "account"), ({"email": bob.email}, "email")):
        with pytest.raises(BadRequest) as error:
            services.change_account(actor=boss, user=alice, **changes)
        assert list(error.value.errors) == [field]
    assert whole(alice) == whole(User.objects.get(account="alice"))


def test_who_is_added_at_the_same_moment_gives_a_message_not_a_fault(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.admin.UserForm._free", lambda form, field, value: value)
    new = User(account="alice", email="other@example.org", nickname="A")
    answer = browser(administrator("boss")).post(f"{USERS}add/", fields(new), follow=True)
    assert "This username is taken." in answer.content.decode()
    assert User.objects.filter(account="alice").count() == 1
