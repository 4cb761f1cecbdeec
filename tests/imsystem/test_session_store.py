"""Session keys are in cookies only; what is stored is a hash, and goes when it has expired."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from imsystem import session_store
from imsystem.session_store import SessionStore, stored_key
from tests.accounts.conftest import PASSWORD, make_user


@pytest.fixture(autouse=True)
def none_before() -> None:
    """Sessions outlive a test (tests.conftest.KEPT)."""
    Session.objects.all().delete()


def everything_stored() -> str:
    return repr(list(connection.get_collection("django_session").find()))


@pytest.fixture
def alice() -> User:
    return make_user("alice")


def signed_in(user: User) -> Client:
    client = Client()
    client.post("/accounts/login/", {"account": user.account, "password": PASSWORD})
    return client


def test_the_key_of_a_cookie_is_not_stored(alice: User) -> None:
    client = signed_in(alice)
    key = client.cookies["sessionid"].value
    assert client.get("/accounts/profile/").status_code == 200
    assert key not in everything_stored()
    assert [session.session_key for session in Session.objects.all()] == [stored_key(key)]


def test_what_is_stored_is_no_cookie(alice: User) -> None:
    signed_in(alice)
    (stored,) = Session.objects.all()
    thief = Client(headers={"Cookie": f"sessionid={stored.session_key}"})
    assert thief.get("/accounts/profile/").status_code == 302


def test_a_session_as_django_promises_it() -> None:
    session = SessionStore()
    session["a"] = 1
    session.save()
    key = session.session_key
    assert SessionStore(key)["a"] == 1
    assert (SessionStore().exists(key), SessionStore().exists(stored_key(key))) == (True, False)
    session.cycle_key()
    assert SessionStore(session.session_key)["a"] == 1
    assert not SessionStore().exists(key)
    session.flush()
    assert Session.objects.count() == 0
    SessionStore("x" * 32).delete()


def test_the_same_from_asynchronous_code() -> None:
    async def life() -> list[Any]:
        session = SessionStore()
        await session.aset("a", 1)
        await session.asave()
        key = session.session_key
        found = [await SessionStore(key).aget("a"), await SessionStore().aexists(key)]
        await session.acycle_key()
        found += [
            await SessionStore().aexists(key),
            await SessionStore(session.session_key).aget("a"),
        ]
        await session.aflush()
        return found

    assert async_to_sync(life)() == [1, True, False, 1]
    assert Session.objects.count() == 0


@pytest.mark.parametrize("key", ["", "x", "$ne", "\u00ff" * 40, "x" * 5_000])
def test_odd_cookies_are_nobodys(key: str) -> None:
    assert SessionStore(key).load() == {}


def expired(number: int) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Session.objects.bulk_create(
        Session(session_key=stored_key(str(n)), session_data="x", expire_date=past)
        for n in range(number)
    )


def test_expired_ones_go_at_a_sign_in_a_few_at_a_time(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_store, "CLEARED_AT_ONCE", 3)
    expired(5)
    first = signed_in(alice)
    assert Session.objects.filter(expire_date__lt=timezone.now()).count() == 2
    signed_in(alice)
    assert Session.objects.filter(expire_date__lt=timezone.now()).count() == 0
    assert first.get("/accounts/profile/").status_code == 200


def test_djangos_command_clears_too() -> None:
    expired(2)
    async_to_sync(SessionStore.aclear_expired)()
    assert Session.objects.count() == 0
