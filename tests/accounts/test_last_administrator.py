"""One administrator always stays, through every door and however many try at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts import policies, services
from accounts.models import User
from accounts.services.administrators import store_standing
from imsystem.errors import Forbidden
from tests.accounts.conftest import PASSWORD
from tests.accounts.test_admin import USERS, fields
from tests.accounts.test_admin_rights import LAST, administrator, browser, change_page, whole
from tests.api import Api
from tests.mailbox import delivered_to

TAKEN = [{"is_active": None}, {"is_superuser": None}, {"is_staff": None}]


@pytest.mark.parametrize("taken", TAKEN, ids=lambda taken: next(iter(taken)))
def test_the_last_administrator_stays(taken: dict[str, Any]) -> None:
    """This also holds beside superusers who are deactivated or cannot open the admin."""
    boss = administrator("boss")
    for name, flag in (("away", "is_active"), ("outside", "is_staff")):
        User.objects.filter(pk=administrator(name).pk).update(**{flag: False})
    before = whole(boss)
    posted = {**fields(boss), "is_staff": "on", "is_superuser": "on"} | taken
    posted = {name: value for name, value in posted.items() if value is not None}
    answer = browser(boss).post(change_page(boss), posted, follow=True)
    assert LAST in answer.content.decode()
    assert whole(boss) == before
    assert browser(boss).get(USERS).status_code == 200
    User.objects.filter(account="away").update(is_active=True)
    browser(boss).post(change_page(boss), posted)
    assert whole(boss) != before


def through_the_action(user: User) -> str:
    chosen = {"action": "delete_personal_data", "_selected_action": [user.pk], "sure": "yes"}
    return browser(user).post(USERS, chosen, follow=True).content.decode()


def through_the_command(user: User) -> str:
    with pytest.raises(CommandError) as error:
        call_command("delete_account", user.account, "--yes", verbosity=0)
    return str(error.value)


def through_the_api(user: User) -> str:
    return Api(user).post("users/me/delete/", {"password": PASSWORD}).content.decode()


def through_the_page(user: User) -> str:
    form = {"account": user.account, "password": PASSWORD}
    return browser(user).post("/accounts/delete/", form).content.decode()


@pytest.mark.parametrize(
    "delete", [through_the_action, through_the_command, through_the_api, through_the_page]
)
def test_the_last_administrator_is_not_deleted(delete: Callable[[User], str]) -> None:
    boss = administrator("boss")
    before = whole(boss)
    assert LAST in delete(boss)
    assert whole(boss) == before


def demote(actor: User, user: User) -> bool:
    try:
        services.change_account(actor=actor, user=user, is_superuser=False)
    except Forbidden:
        return False
    return True


def deactivate(actor: User, user: User) -> bool:
    try:
        services.change_account(actor=actor, user=user, is_active=False)
    except Forbidden:
        return False
    return True


def leave(_actor: User, user: User) -> bool:
    try:
        services.delete_account(user=user)
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize(
    "doors",
    [(demote, demote), (deactivate, deactivate), (demote, leave), (leave, deactivate)],
    ids=lambda doors: "-".join(door.__name__ for door in doors),
)
def test_of_two_who_take_each_others_place_at_once_one_stays(
    doors: tuple[Callable[[User, User], bool], ...],
) -> None:
    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            User.objects.filter(is_superuser=True).update(is_superuser=False)
            first, second = administrator(f"a{number}"), administrator(f"b{number}")
            pairs = [(first, second), (second, first)]
            done = list(pool.map(lambda job: job[0](*job[1]), zip(doors, pairs, strict=True)))
            left = User.objects.filter(is_superuser=True, is_staff=True, is_active=True)
            assert (left.count(), sum(done)) == (1, 1)


def test_of_three_one_stays_at_least() -> None:
    with ThreadPoolExecutor(3) as pool:
        for number in range(20):
            User.objects.filter(is_superuser=True).update(is_superuser=False)
            names = [administrator(f"{letter}{number}") for letter in "abc"]
            pairs = list(zip(names, [*names[1:], names[0]], strict=True))
            list(pool.map(lambda pair: demote(*pair), pairs))
            assert 1 <= User.objects.filter(is_superuser=True, is_active=True).count() <= 2


def test_who_was_demoted_meanwhile_demotes_nobody() -> None:
    boss, second, third = (administrator(name) for name in ("boss", "second", "third"))
    assert demote(second, boss)
    assert boss.is_superuser, "as the request saw it when it began"
    assert not demote(boss, third)
    assert User.objects.get(pk=third.pk).is_superuser


def test_who_was_promoted_meanwhile_is_out_of_reach(alice: User) -> None:
    seen = {name: getattr(alice, name) for name in policies.STANDING}
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    assert not store_standing(alice.pk, {"email": "mallory@example.org"}, judged=seen)
    assert User.objects.get(pk=alice.pk).email == alice.email


def test_a_deleted_account_is_not_touched(alice: User) -> None:
    boss = administrator("boss")
    services.delete_account(user=alice)
    before = whole(alice)
    with pytest.raises(Forbidden):
        services.change_account(actor=boss, user=alice, email="x@example.org", is_active=True)
    assert whole(alice) == before
    assert len(delivered_to("alice@example.org")) == 1
