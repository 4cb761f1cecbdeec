"""Strangers do not learn who has an account, and people with a code learn it slowly."""

import pytest

from accounts import services
from accounts.models import User
from imsystem.errors import BadRequest, RateLimited
from tests.accounts.conftest import PASSWORD, ask_code, wrong
from tests.api import Api

EMAIL = "carol@example.org"
TAKEN = {"account": ["This username is taken."]}


def register(account: str, code: str) -> dict[str, list[str]]:
    """Returns what is wrong with it."""
    with pytest.raises(BadRequest) as refused:
        services.register(account=account, password=PASSWORD, email=EMAIL, code=code)
    return {name: [str(text) for text in texts] for name, texts in refused.value.errors.items()}


def test_a_name_that_is_taken_is_told_to_who_has_a_code(alice: User) -> None:
    code = ask_code(EMAIL)
    assert register("alice", wrong(code)) == register("nobody", wrong(code))
    assert register("alice", code) == TAKEN


def test_twenty_names_an_hour_for_one_address(alice: User) -> None:
    code = ask_code(EMAIL)
    for _ in range(20):
        assert register("alice", code) == TAKEN
    with pytest.raises(RateLimited):
        services.register(account="carol", password=PASSWORD, email=EMAIL, code=code)
    other = ask_code("dave@example.org")
    assert services.register(
        account="dave", password=PASSWORD, email="dave@example.org", code=other
    )


@pytest.mark.parametrize("path", ["auth/register/", "auth/password/reset/"])
def test_the_routes_answer_alike_and_not_for_ever(alice: User, path: str) -> None:
    def ask(account: str, email: str) -> tuple[int, bytes]:
        body = {"account": account, "password": PASSWORD, "email": email, "code": "000000"}
        answer = Api().post(path, body)
        return answer.status_code, answer.content

    known = [ask("alice", "alice@example.org") for _ in range(30)]
    unknown = [ask("nobody", "nobody@example.org") for _ in range(30)]
    assert known == unknown
    assert known[0][0] == 400
    assert ask("alice", "alice@example.org")[0] == 429


@pytest.mark.parametrize("purpose", ["register", "reset", "change_email"])
def test_codes_run_out_alike(alice: User, purpose: str) -> None:
    def statuses(email: str) -> list[int]:
        answers = [Api().post("auth/code/", {"email": email, "purpose": purpose}) for _ in range(3)]
        return [answer.status_code for answer in answers]

    assert statuses("alice@example.org") == statuses("nobody@example.org") == [202, 429, 429]
