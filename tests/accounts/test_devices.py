"""Device sessions: listed, revoked one by one, invisible to others; revoking closes their
sockets."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import RequestFactory

from accounts import services
from accounts.models import DeviceSession, User
from accounts.sessions import device_name
from imsystem.clock import now_ms
from tests.accounts.conftest import PASSWORD
from tests.accounts.test_clients import CHROME_ON_WINDOWS
from tests.api import NO_CREDENTIALS, NOT_FOUND, Api, bad_request, invalid

LIFETIME_MS = 180 * 24 * 3600 * 1000


def line(api: Api, *, current: bool = False, **changes: Any) -> dict[str, Any]:
    session = api.session
    return {
        "identity": session.identity,
        "name": "",
        "device": "test",
        "client": "test",
        "ip": "10.0.0.1",
        "created_at": session.created_at,
        "last_used_at": session.last_used_at,
        "expires_at": session.expires_at,
        "current": current,
        **changes,
    }


def test_the_list_has_ones_own_live_devices(alice: User, bob: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        old = Api(alice)
        clock.shift(timedelta(seconds=1))
        new, gone, _other = Api(alice), Api(alice), Api(bob)
        services.sign_out(session=gone.session)
        answer = old.get("auth/sessions/")
    assert answer.status_code == 200
    assert old.session.expires_at == old.session.created_at + LIFETIME_MS
    assert answer.json() == {"results": [line(new), line(old, current=True)]}


def test_what_a_device_is_in_words(alice: User) -> None:
    api = Api(alice)
    DeviceSession.objects.update(device=CHROME_ON_WINDOWS, name="办公室")
    answer = api.get("auth/sessions/")
    words = {"name": "办公室", "device": CHROME_ON_WINDOWS, "client": "Chrome on Windows"}
    assert answer.json() == {"results": [line(api, current=True, **words)]}


def test_expired_devices_are_not_listed_and_not_found(alice: User) -> None:
    api, old = Api(alice), Api(alice)
    DeviceSession.objects.filter(pk=old.session.pk).update(expires_at=now_ms())
    assert api.get("auth/sessions/").json() == {"results": [line(api, current=True)]}
    path = f"auth/sessions/{old.session.identity}/"
    assert api.delete(path).json() == NOT_FOUND
    assert api.patch(path, {"name": "x"}).json() == NOT_FOUND


def test_naming_a_device(alice: User) -> None:
    here, there = Api(alice), Api(alice)
    path = f"auth/sessions/{there.session.identity}/"
    answer = here.patch(path, {"name": " Kitchen tablet 🍳 "})
    assert (answer.status_code, answer.json()) == (200, line(there, name="Kitchen tablet 🍳"))
    assert here.patch(f"auth/sessions/{here.session.identity}/", {"name": "x"}).json() == line(
        here, current=True, name="x"
    )
    assert here.patch(path, {"name": ""}).json() == line(there)


VISIBLE, CONTROL = (
    "Use 1 to 64 visible characters.",
    "Invisible characters are not allowed.",
)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"name": "n" * 65}, bad_request(name=[VISIBLE])),
        ({"name": "   "}, bad_request(name=[VISIBLE])),
        ({"name": "\u200b\u3164"}, bad_request(name=[VISIBLE])),
        ({"name": "a\nb"}, bad_request(name=[CONTROL])),
        ({"name": "gpj.\u202eexe"}, bad_request(name=[CONTROL])),
        ({"name": None}, invalid(name=["This field may not be null."])),
        ({"name": 1}, invalid(name=["Not a valid string."])),
        ({"name": {"$ne": ""}}, invalid(name=["Not a valid string."])),
        ({}, invalid(name=["This field is required."])),
    ],
)
def test_names_that_are_none(alice: User, body: Any, answer: Any) -> None:
    api = Api(alice)
    refused = api.patch(f"auth/sessions/{api.session.identity}/", body)
    assert (refused.status_code, refused.json()) == (400, answer)
    assert DeviceSession.objects.get().name == ""


def test_the_longest_name(alice: User) -> None:
    api = Api(alice)
    answer = api.patch(f"auth/sessions/{api.session.identity}/", {"name": "名" * 64})
    assert answer.json()["name"] == "名" * 64


def test_other_fields_are_not_changed_by_naming(alice: User) -> None:
    api = Api(alice)
    body = {"name": "x", "expires_at": 2**50, "revoked_at": 1, "user": "f" * 24, "ip": "1.1.1.1"}
    answer = api.patch(f"auth/sessions/{api.session.identity}/", body)
    assert answer.json() == line(api, current=True, name="x")


def test_other_peoples_devices_are_not_named(alice: User, bob: User) -> None:
    api, of_bob = Api(alice), Api(bob)
    for identity in (of_bob.session.identity, "f" * 24, "f" * 23, "$ne"):
        assert api.patch(f"auth/sessions/{identity}/", {"name": "x"}).json() == NOT_FOUND
    assert DeviceSession.objects.get(user=bob).name == ""


def test_signing_all_others_out(alice: User, bob: User, closed: list[str]) -> None:
    here, *others, of_bob = Api(alice), Api(alice), Api(alice), Api(bob)
    answer = here.delete("auth/sessions/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert sorted(closed) == sorted(f"session:{api.session.identity}" for api in others)
    codes = [api.get("users/me/").status_code for api in (here, *others, of_bob)]
    assert codes == [200, 401, 401, 200]
    assert here.delete("auth/sessions/").status_code == 204  # nobody else is there


def test_only_who_is_signed_in_names_and_signs_out(alice: User) -> None:
    api = Api(alice)
    path = f"auth/sessions/{api.session.identity}/"
    answers = [Api().get("auth/sessions/"), Api().delete("auth/sessions/"), Api().delete(path),
               Api().patch(path, {"name": "x"})]  # fmt: skip
    assert [answer.json() for answer in answers] == [NO_CREDENTIALS] * 4
    assert api.get("users/me/").status_code == 200


def test_signing_in_notes_the_device(alice: User) -> None:
    agent = "Chat/1.0 " + "x" * 300
    Api().post("auth/login/", {"account": "alice", "password": PASSWORD}, **{"User-Agent": agent})
    session = DeviceSession.objects.get()
    assert session.device == agent[:200]
    assert session.ip == "127.0.0.1"


def test_control_characters_of_a_client_are_not_stored(rf: RequestFactory) -> None:
    request = rf.get("/", headers={"User-Agent": "Chat/1.0 \x1b[31m\r\n\x85\u202e"})
    assert device_name(request) == "Chat/1.0 [31m"


def test_revoking_a_device(alice: User, closed: list[str]) -> None:
    here, there = Api(alice), Api(alice)
    path = f"auth/sessions/{there.session.identity}/"
    assert here.call("DELETE", path).status_code == 204
    assert closed == [f"session:{there.session.identity}"]
    assert there.get("users/me/").status_code == 401
    assert there.post("auth/refresh/", {"refresh": there.refresh}).status_code == 401
    assert here.get("users/me/").status_code == 200
    assert here.call("DELETE", path).json() == NOT_FOUND


def test_revoking_the_own_device(alice: User) -> None:
    api = Api(alice)
    assert api.call("DELETE", f"auth/sessions/{api.session.identity}/").status_code == 204
    assert api.get("users/me/").status_code == 401


def test_other_peoples_devices_do_not_exist(alice: User, bob: User, closed: list[str]) -> None:
    api, of_bob = Api(alice), Api(bob)
    answers = [
        api.call("DELETE", f"auth/sessions/{identity}/")
        for identity in (of_bob.session.identity, "f" * 24, "f" * 23, "$ne", "٣" * 24)
    ]
    assert [answer.json() for answer in answers] == [NOT_FOUND] * 5
    assert of_bob.get("users/me/").status_code == 200
    assert closed == []


def test_change_of_password_keeps_only_the_device_that_asked(
    alice: User, bob: User, closed: list[str]
) -> None:
    here, there, of_bob = Api(alice), Api(alice), Api(bob)
    body = {"old_password": PASSWORD, "new_password": "another password"}
    here.post("auth/password/change/", body)
    assert closed == [f"session:{there.session.identity}"]
    codes = [api.get("users/me/").status_code for api in (here, there, of_bob)]
    assert codes == [200, 401, 200]
    assert here.post("auth/refresh/", {"refresh": here.refresh}).status_code == 200


@pytest.mark.parametrize("kept", [True, False])
def test_revoke_all(alice: User, closed: list[str], kept: bool) -> None:
    devices = [Api(alice) for _ in range(3)]
    services.revoke_all(user=alice, except_session=devices[0].session if kept else None)
    ended = devices[1:] if kept else devices
    assert sorted(closed) == sorted(f"session:{api.session.identity}" for api in ended)
    assert DeviceSession.objects.filter(revoked_at=None).count() == int(kept)


def test_refreshing_marks_the_device_as_used(alice: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        api = Api(alice)
        clock.shift(timedelta(minutes=5))
        api.post("auth/refresh/", {"refresh": api.refresh})
    session = DeviceSession.objects.get()
    assert session.last_used_at == api.session.last_used_at + 300_000
    assert session.created_at == api.session.created_at
