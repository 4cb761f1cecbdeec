"""Logs and Redis hold no password, code, token, ticket or address."""

import logging

import pytest

from accounts.models import User
from imsystem.redis import sync_redis
from tests.accounts.conftest import PASSWORD, mailed_code, wrong
from tests.api import Api


def everything_in_redis() -> str:
    redis = sync_redis()
    return repr([(key, redis.type(key), redis.dump(key)) for key in redis.scan_iter()])


def test_nothing_secret_is_logged_or_left_in_redis(
    alice: User, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    api = Api()
    email = "carol@example.org"
    api.post("auth/code/", {"email": email, "purpose": "register"})
    code = mailed_code(email)
    body = {"account": "carol", "password": PASSWORD, "email": email, "code": wrong(code)}
    api.post("auth/register/", body)
    leftover = everything_in_redis()
    made = api.post("auth/register/", {**body, "code": code}).json()
    signed_in = Api(Authorization=f"Bearer {made['access']}")
    ticket = signed_in.post("auth/ticket/").json()["ticket"]
    leftover += everything_in_redis()
    api.post("auth/login/", {"account": email, "password": "guess work"})
    api.post("auth/refresh/", {"refresh": made["refresh"]})
    api.post("auth/refresh/", {"refresh": made["refresh"]})
    api.post("auth/code/", {"email": email, "purpose": "reset"})
    leftover += everything_in_redis()

    ours = [r for r in caplog.records if not r.name.startswith(("pymongo", "asyncio"))]
    written = "\n".join(record.getMessage() for record in ours) + "".join(capfd.readouterr())
    secrets = [PASSWORD, "guess work", code, ticket, made["access"], made["refresh"], email]
    assert [secret for secret in secrets if secret in written] == []
    assert [secret for secret in secrets if secret in leftover] == []
