"""Migrations on existing data: what an earlier version wrote is complete and works in this one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.models import DeviceSession, User
from accounts.tokens import read_refresh
from imsystem.clock import now_ms
from imsystem.session_store import SessionStore, stored_key
from tests.accounts.conftest import PASSWORD
from tests.api import Api

ALICE, PHONE, OLD_PHONE = "6b031b0ac56c19ed2c842398", "6b031b0ac56c19ed2c842399", "6" * 24
BEFORE, NOW = 1_790_000_000_000, 1_795_365_645_000
LIFETIME_MS = 180 * 24 * 3600 * 1000
_password = make_password(PASSWORD)


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Provides an empty database instead of the tests' own: for the ORM in this thread, and for the
    async client (imsystem.mongo.clients) in all threads."""
    usual, client = connection.database, connection.connection
    client.drop_database("im_test_migrations")
    connection.database = client["im_test_migrations"]
    monkeypatch.setitem(connection.settings_dict, "NAME", "im_test_migrations")
    ContentType.objects.clear_cache()  # their ids differ there
    yield
    client.drop_database("im_test_migrations")
    connection.database = usual
    ContentType.objects.clear_cache()


def migrate(*target: str) -> None:
    call_command("migrate", *target, verbosity=0)


def documents(collection: str) -> list[dict[str, Any]]:
    return list(connection.get_collection(collection).find(sort=[("_id", 1)]))


def user_of_0001() -> dict[str, Any]:
    return {
        "_id": ALICE,
        "password": _password,
        "is_superuser": False,
        "created_at": BEFORE,
        "updated_at": BEFORE,
        "account": "alice",
        "nickname": "Alice",
        "sex": 2,
        "email": "alice@example.org",
        "avatar": "",
        "is_active": True,
        "is_staff": True,
    }


def session_of_0001(identity: str, **fields: Any) -> dict[str, Any]:
    return {
        "_id": identity,
        "created_at": BEFORE,
        "updated_at": BEFORE,
        "device": "curl/8.5",
        "ip": "10.0.0.1",
        "refresh_hash": "",
        "last_used_at": BEFORE,
        "revoked_at": None,
        "user_identity": ALICE,
        **fields,
    }


def token_of_0001(kind: type[AccessToken | RefreshToken]) -> str:
    token = kind()
    token["user_id"], token["sid"] = ALICE, PHONE
    return str(token)


@pytest.fixture
def tokens(scratch: None) -> Iterator[tuple[str, str]]:
    """An installation of version 0001 that is then migrated. Yields the tokens that a phone had
    before."""
    migrate("accounts", "0001_initial")
    with time_machine.travel(NOW / 1000, tick=False):
        access, refresh = token_of_0001(AccessToken), token_of_0001(RefreshToken)
        refresh_hash = read_refresh(refresh).token_hash
        connection.get_collection("user_basic").insert_one(user_of_0001())
        connection.get_collection("device_session").insert_many(
            [
                session_of_0001(PHONE, refresh_hash=refresh_hash),
                session_of_0001(OLD_PHONE, revoked_at=BEFORE),
            ]
        )
        migrate()
        yield access, refresh


def test_every_document_has_the_new_fields(tokens: tuple[str, str]) -> None:
    new = {
        "password_set_at": NOW,
        "deleted_at": None,
        "who_may_add": "everyone",
        "who_sees_online": "everyone",
        "read_receipts": True,
        "language": "en",
    }
    assert documents("user_basic") == [user_of_0001() | new]
    named = {"name": "", "rotated_from": "", "expires_at": NOW + LIFETIME_MS}
    phone = session_of_0001(PHONE, refresh_hash=read_refresh(tokens[1]).token_hash)
    old = session_of_0001(OLD_PHONE, revoked_at=BEFORE)
    assert documents("device_session") == [old | named, phone | named]


def test_old_sessions_and_passwords_still_work(tokens: tuple[str, str]) -> None:
    access, refresh = tokens
    phone = Api(Authorization=f"Bearer {access}")
    assert phone.get("users/me/").json()["account"] == "alice"
    (line,) = phone.get("auth/sessions/").json()["results"]
    assert (line["identity"], line["current"]) == (PHONE, True)
    renewed = phone.post("auth/refresh/", {"refresh": refresh})
    assert renewed.status_code == 200
    assert phone.post("auth/refresh/", {"refresh": refresh}).status_code == 401  # used up
    signed_in = Api().post("auth/login/", {"account": "alice", "password": PASSWORD})
    assert signed_in.status_code == 200
    client = Client()
    client.post("/accounts/login/", {"account": "alice", "password": PASSWORD})
    assert client.get("/accounts/devices/").status_code == 200


def test_old_sessions_end_180_days_after_the_upgrade(tokens: tuple[str, str]) -> None:
    session = DeviceSession.objects.get(pk=PHONE)
    assert session.ended_at is None
    with time_machine.travel((NOW + LIFETIME_MS) / 1000, tick=False):
        assert session.ended_at == now_ms()
    assert DeviceSession.objects.get(pk=OLD_PHONE).ended_at == BEFORE


def test_what_was_unique_still_is(tokens: tuple[str, str]) -> None:
    for fields in ({"account": "alice"}, {"email": "alice@example.org"}):
        with pytest.raises(IntegrityError):
            User(nickname="x", password="!", **{"account": "b", "email": "b", **fields}).save()


def test_migrating_again_changes_nothing(tokens: tuple[str, str]) -> None:
    before = documents("user_basic"), documents("device_session")
    with time_machine.travel(NOW / 1000 + 60, tick=False):
        migrate()
    assert (documents("user_basic"), documents("device_session")) == before


def test_cookies_stay_good_and_their_keys_go(scratch: None) -> None:
    """Keys used to be stored as they are in cookies. Also after a migration that was cut off
    half-way."""
    migrate("accounts", "0003_language")
    migrate("sessions")
    sessions = connection.get_collection("django_session")
    soon, past = datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) - timedelta(days=1)
    keys = [f"{number:032}" for number in range(3)]
    data = SessionStore().encode({"a": 1})
    sessions.insert_many(
        [
            {"session_key": keys[0], "session_data": data, "expire_date": soon},
            {"session_key": keys[1], "session_data": data, "expire_date": soon},
            {"session_key": stored_key(keys[1]), "session_data": data, "expire_date": soon},
            {"session_key": keys[2], "session_data": data, "expire_date": past},
        ]
    )
    migrate()
    stored = {document["session_key"] for document in sessions.find()}
    assert stored == {stored_key(keys[0]), stored_key(keys[1])}
    assert [SessionStore(key).load() for key in keys] == [{"a": 1}, {"a": 1}, {}]
