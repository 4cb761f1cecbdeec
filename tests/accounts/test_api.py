"""The account API: whole answers for good requests, whole problem documents for bad ones."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import DeviceSession, User
from imsystem.ids import is_identity
from tests.accounts.conftest import PASSWORD, ask_code, mailed_code
from tests.api import (
    NO_CREDENTIALS,
    NOT_AUTHENTICATED,
    NOT_FOUND,
    Api,
    bad_request,
    invalid,
    own,
    problem,
    public,
)
from tests.mailbox import delivered

CAROL = {"account": "carol", "password": PASSWORD, "email": "carol@example.org"}
BAD_CREDENTIALS = problem(401, "Unauthorized", "bad_credentials", "Wrong username or password.")
BAD_SEX = bad_request(sex=["Use 0 (not specified), 1 (male) or 2 (female)."])
OPEN = {
    "auth/code/": {"email": "carol@example.org", "purpose": "register"},
    "auth/register/": {**CAROL, "code": "123456"},
    "auth/login/": {"account": "alice", "password": PASSWORD},
    "auth/refresh/": {"refresh": "x"},
    "auth/logout/": {"refresh": "x"},
    "auth/password/reset/": {"email": "a@x.cn", "code": "123456", "password": PASSWORD},
}
CLOSED = [
    ("POST", "auth/password/change/"),
    ("POST", "auth/ticket/"),
    ("GET", "auth/sessions/"),
    ("DELETE", f"auth/sessions/{'a' * 24}/"),
    ("GET", "users/me/"),
    ("PATCH", "users/me/"),
    ("POST", "users/me/email/"),
    ("POST", "users/me/delete/"),
    ("POST", "users/me/data/"),
    ("GET", f"users/{'a' * 24}/"),
    ("GET", "users/?account=alice"),
]


# --- the way in -----------------------------------------------------------------------------


def test_from_the_code_to_the_profile() -> None:
    api = Api()
    asked = api.post("auth/code/", {"email": "Carol@Example.org", "purpose": "register"})
    assert (asked.status_code, asked.json()) == (202, {"expires_in": 600, "retry_after": 60})

    body = {**CAROL, "code": mailed_code("carol@example.org"), "nickname": "卡罗"}
    made = api.post("auth/register/", body)
    user = User.objects.get()
    assert made.status_code == 201
    assert made.json() == {
        "user": own(user, nickname="卡罗", email="carol@example.org"),
        "access": made.json()["access"],
        "refresh": made.json()["refresh"],
    }
    assert is_identity(user.identity)
    bearer = {"Authorization": f"Bearer {made.json()['access']}"}
    assert api.get("users/me/", **bearer).json() == made.json()["user"]

    login = api.post("auth/login/", {"account": "carol", "password": PASSWORD})
    assert login.status_code == 200
    assert login.json().keys() == {"user", "access", "refresh"}
    again = api.post("auth/refresh/", {"refresh": login.json()["refresh"]})
    assert again.status_code == 200
    assert again.json().keys() == {"access", "refresh"}


def test_known_and_unknown_addresses_get_the_same_answer(alice: User) -> None:
    for purpose in ("register", "reset", "change_email"):
        answers = [
            Api().post("auth/code/", {"email": email, "purpose": purpose})
            for email in (alice.email, "nobody@example.org")
        ]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].content == answers[1].content
        assert answers[0].headers.keys() == answers[1].headers.keys()
    assert len(delivered()) == 6


def test_too_many_codes(alice: User) -> None:
    body = {"email": alice.email, "purpose": "reset"}
    Api().post("auth/code/", body)
    refused = Api().post("auth/code/", body)
    seconds = refused["Retry-After"]
    detail = f"A code was just sent. You can ask for another in {seconds} s."
    assert refused.json() == problem(429, "Too Many Requests", "rate_limited", detail)
    assert 58 <= int(seconds) <= 60


def test_x_forwarded_for_is_not_believed(alice: User) -> None:
    body = {"account": "alice", "password": "wrong"}
    answers = [
        Api().post("auth/login/", body, **{"X-Forwarded-For": f"10.1.1.{number}"})
        for number in range(6)
    ]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 300


@pytest.mark.parametrize("account", ["alice", "nobody", "nobody@example.org", ".*", "locked"])
def test_one_answer_for_every_failed_login(alice: User, account: str) -> None:
    locked = User(account="locked", email="l@example.org", is_active=False)
    locked.set_password(PASSWORD)
    locked.save()
    password = PASSWORD if account == "locked" else "wrong"
    refused = Api().post("auth/login/", {"account": account, "password": password})
    assert (refused.status_code, refused.json()) == (401, BAD_CREDENTIALS)


def test_registering_twice(alice: User) -> None:
    body = {**CAROL, "account": "Alice", "code": ask_code("carol@example.org")}
    refused = Api().post("auth/register/", body)
    assert refused.status_code == 400
    assert refused.json() == bad_request(account=["This username is taken."])


def test_fields_one_may_not_set_are_ignored(alice: User) -> None:
    extra = {
        "is_staff": True, "is_superuser": True, "is_active": False, "id": "x", "_id": "x",
        "identity": "f" * 24, "created_at": 1, "groups": [1], "sex": 2, "avatar": "x",
    }  # fmt: skip
    code = ask_code("carol@example.org")
    made = Api().post("auth/register/", {**CAROL, "code": code, **extra})
    user = User.objects.get(account="carol")
    assert made.status_code == 201
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)
    assert (user.sex, user.avatar) == (0, "")
    assert user.identity != "f" * 24

    changed = Api(alice).call("PATCH", "users/me/", {**extra, "email": "x@y.cn", "account": "x"})
    assert changed.status_code == 200
    stored = User.objects.get(pk=alice.pk)
    assert (stored.account, stored.email, stored.is_staff) == ("alice", alice.email, False)
    assert (stored.sex, stored.created_at) == (2, alice.created_at)


def test_logout_ends_the_session_and_may_be_repeated(alice: User) -> None:
    api = Api(alice)
    for _ in range(2):
        answer = api.post("auth/logout/", {"refresh": api.refresh})
        assert (answer.status_code, answer.content) == (204, b"")
    assert api.get("users/me/").json() == NOT_AUTHENTICATED
    assert api.post("auth/refresh/", {"refresh": api.refresh}).json() == NOT_AUTHENTICATED
    assert api.post("auth/logout/", {"refresh": "x"}).json() == NOT_AUTHENTICATED


def test_logout_with_a_rotated_token_ends_the_session_too(alice: User) -> None:
    api = Api(alice)
    fresh = api.post("auth/refresh/", {"refresh": api.refresh}).json()["access"]
    assert api.post("auth/logout/", {"refresh": api.refresh}).status_code == 204
    assert Api(Authorization=f"Bearer {fresh}").get("users/me/").status_code == 401


def test_a_bad_token_does_no_harm_where_none_is_asked(alice: User) -> None:
    body = {"account": "alice", "password": PASSWORD}
    assert Api(Authorization="Bearer x").post("auth/login/", body).status_code == 200


def test_reset_and_change_password(alice: User) -> None:
    here, there = Api(alice), Api(alice)
    body = {"old_password": PASSWORD, "new_password": "another password"}
    assert here.post("auth/password/change/", body).status_code == 204
    assert here.get("users/me/").status_code == 200
    assert there.get("users/me/").status_code == 401
    assert here.post("auth/password/change/", body).json() == bad_request(
        old_password=["This is not your current password."]
    )

    here.post("auth/code/", {"email": alice.email, "purpose": "reset"})
    body = {"email": alice.email, "code": mailed_code(alice.email), "password": "a third one"}
    assert Api().post("auth/password/reset/", body).status_code == 204
    assert here.get("users/me/").status_code == 401
    login = {"account": "alice", "password": "a third one"}
    assert Api().post("auth/login/", login).status_code == 200


# --- people ---------------------------------------------------------------------------------


def test_own_and_public_profile(alice: User, bob: User) -> None:
    api = Api(alice)
    assert api.get("users/me/").json() == own(alice)
    assert api.get(f"users/{alice.pk}/").json() == {**public(alice), "online": False}
    assert api.get(f"users/{bob.pk}/").json() == {**public(bob), "online": False}


@pytest.mark.parametrize(
    "identity", ["f" * 24, "f" * 23, "f" * 25, "F" * 24, "nope", "$ne", "٣" * 24, "%00"]
)
def test_nobody(alice: User, identity: str) -> None:
    answer = Api(alice).get(f"users/{identity}/")
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


@pytest.mark.parametrize("query", ["bob", "BOB", " Bob ", "ｂｏｂ"])
def test_finding_somebody_by_account(alice: User, bob: User, query: str) -> None:
    answer = Api(alice).client.get("/api/v1/users/", {"account": query}, headers=Api(alice).headers)
    assert (answer.status_code, answer.json()) == (200, {"results": [public(bob)]})


@pytest.mark.parametrize("query", ["bo", "bobb", ".*", "b.b", "bob|alice", "b@x.cn", "^bob"])
def test_finding_nobody(alice: User, bob: User, query: str) -> None:
    answer = Api(alice).client.get("/api/v1/users/", {"account": query}, headers=Api(alice).headers)
    assert (answer.status_code, answer.json()) == (200, {"results": []})


def test_deactivated_people_are_not_found_but_keep_their_name(alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert Api(alice).get("users/?account=bob").json() == {"results": []}
    assert Api(alice).get(f"users/{bob.pk}/").json() == {**public(bob), "online": False}


@pytest.mark.parametrize("query", ["", "?account=", "?account=a&account=b", "?account=%00", "?a=b"])
def test_bad_queries(alice: User, query: str) -> None:
    answer = Api(alice).get(f"users/{query}")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["account"])


def test_no_filter_can_be_smuggled_in(alice: User, bob: User) -> None:
    answer = Api(alice).get("users/?account=nobody&email=bob@example.org&password__startswith=a")
    assert answer.json() == {"results": []}


@pytest.mark.parametrize(
    ("change", "nickname", "sex"),
    [({"nickname": " 小明 "}, "小明", 0), ({"sex": 2}, "Alice", 2), ({}, "Alice", 0)],
)
def test_changing_the_profile(alice: User, change: Any, nickname: str, sex: int) -> None:
    answer = Api(alice).call("PATCH", "users/me/", change)
    assert answer.status_code == 200
    expected = own(alice, nickname=nickname, sex=sex)
    assert answer.json() == expected == Api(alice).get("users/me/").json()


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"nickname": "x" * 65}, bad_request(nickname=["Use 1 to 64 visible characters."])),
        ({"nickname": "a\nb"}, bad_request(nickname=["Invisible characters are not allowed."])),
        ({"nickname": ""}, invalid(nickname=["This field may not be blank."])),
        ({"nickname": None}, invalid(nickname=["This field may not be null."])),
        ({"nickname": 5}, invalid(nickname=["Not a valid string."])),
        ({"sex": 3}, BAD_SEX),
        ({"sex": -1}, BAD_SEX),
        ({"sex": "1"}, invalid(sex=["A valid integer is required."])),
        ({"sex": True}, invalid(sex=["A valid integer is required."])),
        ({"sex": 1.0}, invalid(sex=["A valid integer is required."])),
        ({"nickname": "ok", "sex": 3}, BAD_SEX),
    ],
)  # fmt: skip
def test_profiles_that_are_refused(alice: User, change: Any, answer: Any) -> None:
    refused = Api(alice).call("PATCH", "users/me/", change)
    assert (refused.status_code, refused.json()) == (400, answer)
    stored = User.objects.get(pk=alice.pk)
    assert (stored.nickname, stored.sex) == ("Alice", 0)


# --- bad requests ---------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_strangers(method: str, path: str) -> None:
    answer = Api().call(method, path, {})
    assert (answer.status_code, answer.json()) == (401, NO_CREDENTIALS)
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("path", OPEN)
@pytest.mark.parametrize("value", [None, 0, 1, True, 1.5, [], ["a@x.cn", "b@x.cn"], {"$ne": None}])
def test_only_strings_are_strings(path: str, value: Any) -> None:
    for field in OPEN[path]:
        answer = Api().post(path, {**OPEN[path], field: value})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), field
        assert list(answer.json()["errors"]) == [field]
    assert (User.objects.count(), delivered()) == (0, [])


@pytest.mark.parametrize("path", OPEN)
def test_missing_fields_are_named(path: str) -> None:
    required = {name: ["This field is required."] for name in OPEN[path]}
    assert Api().post(path, {}).json() == invalid(**required)
    assert Api().post(path).json() == invalid(**required)


@pytest.mark.parametrize("path", OPEN)
@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"x"', b"null", b"\xff", b'{"a": NaN}', b'{"email": "\\ud800"}',
     b'{"email": "a\\u0000"}', b"[" * 100_000, b'{"a":1e400}', '{"a":"ä"}'.encode("utf-16")],
)  # fmt: skip
def test_bodies_that_are_no_object(path: str, body: bytes) -> None:
    answer = Client().post(f"/api/v1/{path}", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert "errors" not in answer.json()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_other_content_types(kind: str) -> None:
    answer = Client().post("/api/v1/auth/login/", b'{"account":"a"}', content_type=kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("path", OPEN)
def test_other_methods(path: str) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH", "TRACE"):
        answer = Api().call(method, path)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    spoofed = Api().call("GET", path, **{"X-HTTP-Method-Override": "POST"})
    assert spoofed.status_code == 405


@pytest.mark.parametrize(
    ("field", "path"), [("password", "auth/register/"), ("password", "auth/login/")]
)
def test_a_huge_password_is_refused(alice: User, field: str, path: str) -> None:
    answer = Api().post(path, {**OPEN[path], field: "x" * 200_000})
    assert answer.status_code in (400, 401)
    assert DeviceSession.objects.count() == 0


@pytest.mark.parametrize("purpose", ["", "Register", "login", "register "])
def test_unknown_purposes(purpose: str) -> None:
    answer = Api().post("auth/code/", {"email": "a@x.cn", "purpose": purpose})
    assert answer.json() == invalid(purpose=[f'"{purpose}" is not a valid choice.'])
