"""The original's HTTP routes: one envelope for every answer, one check of who is signed in."""

import importlib
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import clear_url_caches

import imsystem.urls
from accounts import services
from accounts.models import DeviceSession, User
from chat.compat import views
from imsystem.errors import Unavailable
from tests.api import NOT_AUTHENTICATED, Api
from tests.conftest import new_user
from tests.seed import Seed, no, seed_token

NOON = 1_893_499_200_000  # 2030-01-01 12:00 UTC
ROUTES = {
    "/login": "POST",
    "/send/code": "POST",
    "/register": "POST",
    "/u/user/detail": "GET",
    "/u/user/query": "GET",
    "/u/user/add": "POST",
    "/u/user/delete": "DELETE",
    "/u/chat/list": "GET",
}
NOT_SIGNED_IN = no("用户认证不通过")


@pytest.fixture
def alice() -> User:
    return new_user("alice")


@pytest.mark.parametrize(("path", "method"), ROUTES.items())
def test_other_methods_are_plainly_refused(path: str, method: str) -> None:
    for other in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"} - {method}:
        assert Client().generic(other, path).status_code == 405


@pytest.mark.parametrize(("path", "method"), ROUTES.items())
def test_without_the_setting_there_are_no_such_routes(
    path: str, method: str, settings: Any
) -> None:
    def reload() -> None:
        importlib.reload(imsystem.urls)
        clear_url_caches()

    settings.SEED_ROUTES = False
    reload()
    try:
        assert Client().generic(method, path).status_code == 404
    finally:
        settings.SEED_ROUTES = True
        reload()
    assert Client().generic(method, path).status_code == 200


SIGNED_IN_ONLY = [(path, method) for path, method in ROUTES.items() if path.startswith("/u/")]


def tokens_that_are_none(user: User) -> list[str | None]:
    signed_in = services.sign_in_user(user=user, ip="", device="")
    good = seed_token(user)
    return [
        None, "", "x", "a.b.c", "\xe9", "x" * 10_000, good + "x", f"Bearer {good}",
        f"{good},{good}", signed_in.access, signed_in.refresh,
    ]  # fmt: skip


@pytest.mark.parametrize(("path", "method"), SIGNED_IN_ONLY)
def test_the_group_needs_a_token_of_its_own(alice: User, path: str, method: str) -> None:
    for token in tokens_that_are_none(alice):
        call = getattr(Seed(token=token), method.lower())
        assert call(path, account="alice", identity=alice.pk) == NOT_SIGNED_IN


def test_a_cookie_and_a_bearer_are_no_token(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    access = services.sign_in_user(user=alice, ip="", device="").access
    answer = client.get("/u/user/detail", headers={"Authorization": f"Bearer {access}"})
    assert answer.json() == NOT_SIGNED_IN


def test_a_seed_token_is_worth_nothing_at_the_api(alice: User) -> None:
    api = Api(Authorization=f"Bearer {seed_token(alice)}")
    answer = api.get("users/me/")
    assert (answer.status_code, answer.json()) == (401, NOT_AUTHENTICATED)
    assert Api().post("auth/refresh/", {"refresh": seed_token(alice)}).status_code == 401


def test_a_token_falls_with_its_device_its_user_and_after_thirty_days(alice: User) -> None:
    with time_machine.travel(NOON / 1000, tick=False) as clock:
        seed = Seed(alice)
        clock.shift(30 * 86_400 - 1)
        assert seed.get("/u/user/detail")["code"] == 200
        clock.shift(1)
        assert seed.get("/u/user/detail") == NOT_SIGNED_IN
    seed = Seed(alice)
    assert seed.get("/u/user/detail")["code"] == 200
    services.revoke_all(user=alice)
    assert seed.get("/u/user/detail") == NOT_SIGNED_IN
    seed = Seed(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert seed.get("/u/user/detail") == NOT_SIGNED_IN


def test_a_device_shows_when_it_was_used_last(alice: User) -> None:
    with time_machine.travel(NOON / 1000, tick=False) as clock:
        seed = Seed(alice)
        clock.shift(3_600)
        seed.get("/u/user/detail")
        assert DeviceSession.objects.get().last_used_at == NOON + 3_600_000


BROKEN = {
    "/login": "系统错误",
    "/send/code": "系统错误",
    "/register": "系统错误",
    "/u/user/detail": "数据查询异常",
    "/u/user/query": "数据查询异常",
    "/u/user/add": "数据库异常",
    "/u/user/delete": "系统异常",
    "/u/chat/list": "系统异常",
}


@pytest.mark.parametrize(("path", "text"), BROKEN.items())
@pytest.mark.parametrize("exc", [ZeroDivisionError("a secret of ours"), Unavailable()])
def test_what_breaks_inside_is_told_in_one_sentence(
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    path: str,
    text: str,
    exc: Exception,
) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise exc

    monkeypatch.setattr(views, "_field", fail)
    monkeypatch.setattr(views.payloads, "user_detail", fail)
    call = getattr(Seed(alice), ROUTES[path].lower())
    assert call(path) == no(text)
    assert ("a secret of ours" in caplog.text) == isinstance(exc, ZeroDivisionError)
