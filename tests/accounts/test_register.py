"""Registration: everything is checked before the code is used up, and an error changes nothing."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from accounts import services
from accounts.models import User
from accounts.services import registration
from imsystem.errors import BadRequest
from tests.accounts.conftest import PASSWORD, ask_code, wrong

EMAIL = "carol@example.org"
BAD_CODE = {"code": ["This code is wrong or has expired."]}


def register(code: str, **changes: Any) -> User:
    fields = {"account": "carol", "password": PASSWORD, "email": EMAIL, "code": code, **changes}
    return services.register(**fields)


def refused(code: str, **changes: Any) -> dict[str, list[str]]:
    before = set(User.objects.values_list("account", "email", "password"))
    with pytest.raises(BadRequest) as error:
        register(code, **changes)
    assert set(User.objects.values_list("account", "email", "password")) == before
    return {name: [str(text) for text in texts] for name, texts in error.value.errors.items()}


def test_a_new_user_is_stored_in_canonical_form() -> None:
    made = register(ask_code(EMAIL), account=" Carol", email="Carol@Example.org", nickname=" 卡罗 ")
    stored = User.objects.get(pk=made.pk)
    assert (stored.account, stored.email, stored.nickname) == ("carol", EMAIL, "卡罗")
    assert (stored.sex, stored.avatar, stored.is_active) == (0, "", True)
    assert not stored.is_staff
    assert not stored.is_superuser
    assert stored.check_password(PASSWORD)
    assert PASSWORD not in stored.password
    assert 0 < stored.created_at <= stored.updated_at


@pytest.mark.parametrize("nickname", ["", "  "])
def test_without_a_nickname_it_is_the_account(nickname: str) -> None:
    assert register(ask_code(EMAIL), nickname=nickname).nickname == "carol"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"account": "admin"}, "account"),
        ({"account": "a b"}, "account"),
        ({"account": "ALICE"}, "account"),
        ({"email": "nonsense"}, "email"),
        ({"nickname": "\u200b"}, "nickname"),
        ({"password": "short"}, "password"),
        ({"password": "CAROL@example.org"}, "password"),
    ],
)
def test_wrong_values_do_not_cost_the_code(alice: User, changes: Any, field: str) -> None:
    code = ask_code(EMAIL)
    for _ in range(6):
        assert list(refused(code, **changes)) == [field]
    assert register(code).account == "carol"


def test_a_wrong_code() -> None:
    code = ask_code(EMAIL)
    assert refused(wrong(code)) == BAD_CODE
    assert register(code).account == "carol"


def test_a_used_code() -> None:
    code = ask_code(EMAIL)
    register(code)
    assert refused(code, account="carol2") == BAD_CODE


def test_a_code_of_another_address() -> None:
    assert refused(ask_code("dave@example.org")) == BAD_CODE


def test_an_address_with_an_account_is_told_only_to_its_owner(alice: User) -> None:
    code = ask_code(EMAIL)
    User.objects.filter(pk=alice.pk).update(email=EMAIL)
    assert refused(wrong(code)) == BAD_CODE
    assert refused(code) == {"email": ["An account with this address already exists."]}


def test_a_lost_race_for_the_account_gives_the_code_back(monkeypatch: pytest.MonkeyPatch) -> None:
    code = ask_code(EMAIL)
    create_user = services.create_user

    def too_late(**fields: Any) -> User:
        create_user(**{**fields, "email": "other@example.org"})
        return create_user(**fields)

    monkeypatch.setattr(registration, "create_user", too_late)
    with pytest.raises(BadRequest) as error:
        register(code)
    assert dict(error.value.errors) == {"account": ["This username is taken."]}
    monkeypatch.undo()
    assert register(code, account="carol2").email == EMAIL


def test_of_two_with_one_code_one_wins() -> None:
    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            email = f"u{number}@example.org"
            code = ask_code(email)
            names = [f"a{number}", f"b{number}"]
            made = sorted(pool.map(_try, [code] * 2, names, [email] * 2))
            assert made in ([names[0], "code"], [names[1], "code"])
            assert User.objects.filter(email=email).count() == 1


def _try(code: str, account: str, email: str) -> str:
    try:
        return register(code, account=account, email=email).account
    except BadRequest as exc:
        return next(iter(exc.errors))


def test_of_two_with_one_account_one_wins() -> None:
    with ThreadPoolExecutor(2) as pool:
        for number in range(10):
            emails = [f"a{number}@example.org", f"b{number}@example.org"]
            given = [ask_code(email) for email in emails]
            made = sorted(pool.map(_try, given, [f"u{number}"] * 2, emails))
            assert made == ["account", f"u{number}"]
