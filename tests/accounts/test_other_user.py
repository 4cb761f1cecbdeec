"""A page's own requests name the user it was made for, and are refused if the cookie is
another's."""

import pytest
from django.test import Client

from accounts.models import User
from tests.accounts.conftest import make_user
from tests.api import problem

OTHER_USER = problem(
    409,
    "Conflict",
    "other_user",
    "This browser is now signed in as another user. Nothing was changed.",
)


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="accounts.backends.AccountBackend")
    return client


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_a_call_for_another_user_is_refused(alice: User, method: str) -> None:
    bob = make_user("bob")
    answer = getattr(browser_of(bob), method)(
        "/api/v1/users/me/", headers={"X-Expected-User": alice.identity}
    )
    assert (answer.status_code, answer.json()) == (409, OTHER_USER)


@pytest.mark.parametrize("expected", ["", "x", "é".encode().decode("latin-1")])
def test_nonsense_is_another_user(alice: User, expected: str) -> None:
    answer = browser_of(alice).get("/api/v1/users/me/", headers={"X-Expected-User": expected})
    assert answer.status_code == 409


def test_the_right_user_and_programs_that_name_nobody_are_answered(alice: User) -> None:
    client = browser_of(alice)
    for headers in ({"X-Expected-User": alice.identity}, {}):
        assert client.get("/api/v1/users/me/", headers=headers).json()["identity"] == alice.identity


def test_a_bearer_is_who_it_says(alice: User) -> None:
    """Without a valid cookie the header means nothing: the answer is 401, not 409."""
    answer = Client().get("/api/v1/users/me/", headers={"X-Expected-User": alice.identity})
    assert answer.status_code == 401
