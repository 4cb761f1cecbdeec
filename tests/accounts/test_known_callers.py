"""Who has signed in, as a request's headers say: for what is decided before anything is read."""

from typing import Any

import pytest
from django.conf import settings
from django.core import signing

from accounts.known_callers import is_known
from accounts.models import DeviceSession
from accounts.sessions import open_session
from accounts.tokens import make_tokens
from tests.conftest import new_user


def scope(**headers: str) -> dict[str, Any]:
    return {"headers": [(name.encode(), value.encode()) for name, value in headers.items()]}


def cookie(token: str) -> dict[str, Any]:
    return scope(cookie=f"a=b; {settings.DEVICE_COOKIE_NAME}={token}")


def test_a_bearer() -> None:
    session = open_session(DeviceSession(user=new_user("alice"), device="test", ip="10.0.0.1"))
    tokens = make_tokens(session)
    assert is_known(scope(authorization=f"Bearer {tokens.access}"))
    assert not is_known(scope(authorization=f"Bearer {tokens.refresh}"))
    assert not is_known(scope(authorization=f"Bearer {tokens.access}x"))


def test_a_device() -> None:
    token = signing.dumps({"1" * 24: "ab"}, salt="accounts.trusted_devices")
    assert is_known(cookie(token))
    assert not is_known(cookie(signing.dumps({"1" * 24: "ab"}, salt="another")))
    assert not is_known(cookie(token[:-1]))


@pytest.mark.parametrize("value", ["", "\x00", "a=b", "x" * 9_000, "=;=;", 'a="'])
def test_anything_else(value: str) -> None:
    assert not is_known(scope(cookie=value, authorization=value))
    assert not is_known(scope())
