"""Device sessions: listed, revoked one by one, invisible to others; their sockets are closed."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from accounts import services
from accounts.models import DeviceSession, User
from tests.accounts.conftest import PASSWORD
from tests.api import NOT_FOUND, Api


def line(api: Api, *, current: bool = False) -> dict[str, Any]:
    session = api.session
    return {
        "identity": session.identity,
        "device": "test",
        "ip": "10.0.0.1",
        "created_at": session.created_at,
        "last_used_at": session.last_used_at,
        "current": current,
    }


def test_the_list_has_ones_own_live_devices(alice: User, bob: User) -> None:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        old = Api(alice)
        clock.shift(timedelta(seconds=1))
        new, gone, _other = Api(alice), Api(alice), Api(bob)
        services.sign_out(session=gone.session)
        answer = old.get("auth/sessions/")
    assert answer.status_code == 200
    assert answer.json() == {"results": [line(new), line(old, current=True)]}


def test_signing_in_notes_the_device(alice: User) -> None:
    agent = "Chat/1.0 \x1b[31m\r\n" + "x" * 300
    Api().post("auth/login/", {"account": "alice", "password": PASSWORD}, **{"User-Agent": agent})
    session = DeviceSession.objects.get()
    assert session.device == ("Chat/1.0 [31m" + "x" * 300)[:200]
    assert session.ip == "127.0.0.1"


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
