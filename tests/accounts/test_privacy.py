"""Privacy settings: stored, shown only to oneself, refused as a whole when one of them is wrong."""

from typing import Any

import pytest

from accounts import services
from accounts.models import User
from accounts.policies import can_see_online, includes
from accounts.privacy import NOTHING, Privacy, privacy_of
from imsystem.errors import NotAuthenticated
from imsystem.loops import run_on_loop
from tests.api import Api, invalid, own, public

SETTINGS = {"who_may_add": "contacts", "who_sees_online": "nobody", "read_receipts": False}
VALID = ["everyone", "contacts", "nobody"]


def not_a_choice(value: object) -> list[str]:
    return [f'"{value}" is not a valid choice.']


def test_at_first_everything_is_open(alice: User) -> None:
    assert Api(alice).get("users/me/").json() == own(alice)


def test_changing_all_and_one(alice: User) -> None:
    api = Api(alice)
    answer = api.patch("users/me/", SETTINGS)
    assert (answer.status_code, answer.json()) == (200, own(alice, **SETTINGS))
    api.patch("users/me/", {"read_receipts": True})
    assert api.get("users/me/").json() == own(alice, **{**SETTINGS, "read_receipts": True})


@pytest.mark.parametrize("name", ["who_may_add", "who_sees_online"])
@pytest.mark.parametrize("value", VALID)
def test_every_audience(alice: User, name: str, value: str) -> None:
    assert Api(alice).patch("users/me/", {name: value}).json()[name] == value


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"who_may_add": "friends"}, {"who_may_add": not_a_choice("friends")}),
        ({"who_may_add": "Everyone"}, {"who_may_add": not_a_choice("Everyone")}),
        ({"who_sees_online": None}, {"who_sees_online": ["This field may not be null."]}),
        ({"who_sees_online": {"$ne": 1}}, {"who_sees_online": not_a_choice({"$ne": 1})}),
        ({"read_receipts": "true"}, {"read_receipts": ["Must be a valid boolean."]}),
        ({"read_receipts": 1}, {"read_receipts": ["Must be a valid boolean."]}),
        ({"read_receipts": None}, {"read_receipts": ["This field may not be null."]}),
        ({"read_receipts": []}, {"read_receipts": ["Must be a valid boolean."]}),
    ],
)
def test_one_wrong_setting_changes_nothing(
    alice: User, change: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    answer = Api(alice).patch("users/me/", {**SETTINGS, "nickname": "Al", **change})
    assert (answer.status_code, answer.json()) == (400, invalid(**errors))
    assert Api(alice).get("users/me/").json() == own(alice)


def test_nobody_sees_the_settings_of_others(alice: User, bob: User) -> None:
    Api(bob).patch("users/me/", {"who_may_add": "nobody"})
    assert Api(alice).get(f"users/{bob.pk}/").json() == {**public(bob), "online": False}
    found = Api(alice).get("users/?account=bob").json()
    assert found == {"results": [public(bob)]}


def test_a_deleted_account_keeps_no_settings_of_a_late_request(alice: User) -> None:
    """The request was admitted before, and gets to writing after."""
    api = Api(alice)
    late = User.objects.get(pk=alice.pk)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(NotAuthenticated):
        services.update_profile(user=late, nickname="Late", **SETTINGS)
    assert User.objects.get(pk=alice.pk).nickname == "Alice"
    assert api.get("users/me/").status_code == 401


# --- who is meant ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("audience", "stranger", "contact"),
    [("everyone", True, True), ("contacts", False, True), ("nobody", False, False)],
)
def test_audiences(audience: str, stranger: bool, contact: bool) -> None:
    assert includes(audience, contact=False) is stranger
    assert includes(audience, contact=True) is contact


@pytest.mark.parametrize("mine", VALID)
@pytest.mark.parametrize("theirs", VALID)
@pytest.mark.parametrize("contact", [True, False])
def test_who_hides_sees_nobody(mine: str, theirs: str, contact: bool) -> None:
    viewer, user = User(who_sees_online=mine), User(who_sees_online=theirs)
    seen = can_see_online(viewer, user, contact=contact)
    assert seen == (mine != "nobody" and includes(theirs, contact=contact))
    assert can_see_online(viewer, viewer, contact=False)


# --- what the socket's side keeps -----------------------------------------------------------


def test_settings_are_read_once_and_anew_after_a_change(alice: User) -> None:
    def read() -> Privacy:
        return run_on_loop(privacy_of(alice.pk))

    assert read() == Privacy(receipts=True, hidden=False)
    User.objects.filter(pk=alice.pk).update(read_receipts=False)  # behind its back
    assert read() == Privacy(receipts=True, hidden=False)
    Api(alice).patch("users/me/", {"who_sees_online": "nobody"})
    assert read() == Privacy(receipts=False, hidden=True)
    Api(alice).patch("users/me/", {"who_sees_online": "contacts"})
    assert read() == Privacy(receipts=False, hidden=False)


def test_of_nobody_nothing_is_told() -> None:
    assert run_on_loop(privacy_of("f" * 24)) == NOTHING


@pytest.mark.parametrize(
    ("privacy", "declined"),
    [
        (Privacy(receipts=True, hidden=False), set()),
        (Privacy(receipts=False, hidden=False), {"receipt"}),
        (Privacy(receipts=True, hidden=True), {"presence"}),
        (NOTHING, {"receipt", "presence"}),
    ],
)
def test_what_sockets_decline(privacy: Privacy, declined: set[str]) -> None:
    assert privacy.declines == declined
