"""Clients of the original's HTTP routes in tests (docs/compatibility.md)."""

from typing import Any

from django.http import HttpResponse
from django.test import Client

from accounts import services
from accounts.models import User
from chat.compat.auth import token_data

Form = dict[str, Any]

# What a form or a query can hold and no account, room or identity is.
HOSTILE = [
    "$ne",
    "a.*",
    "' or 1=1",
    "\x00",
    "a\x00b",
    "x" * 10_000,
    "../x",
    "ａｌｉｃｅ\u3164",
    "{}",
]


def seed_token(user: User) -> str:
    """A token of a new device session."""
    signed_in = services.sign_in_user(user=user, ip="10.0.0.1", device="test")
    return token_data(signed_in)["token"]


def loaded(data: Any) -> Form:
    return {"code": 200, "msg": "数据加载成功", "data": data}


def ok(text: str) -> Form:
    return {"code": 200, "msg": text}


def no(text: str) -> Form:
    return {"code": -1, "msg": text}


class Seed:
    """Speaks forms and queries; with `user`, as that user. Every answer must be HTTP 200."""

    def __init__(self, user: User | None = None, token: str | None = None) -> None:
        self.client = Client(enforce_csrf_checks=True)
        if user is not None:
            token = seed_token(user)
        self.headers = {} if token is None else {"token": token}
        self.answer: HttpResponse | None = None

    def get(self, path: str, **query: Any) -> Form:
        return self._json(self.client.get(path, query, headers=self.headers))

    def post(self, path: str, form: Form | None = None, **fields: Any) -> Form:
        return self._json(self.client.post(path, form or fields, headers=self.headers))

    def delete(self, path: str, **query: Any) -> Form:
        return self._json(self.client.delete(path, query_params=query, headers=self.headers))

    def _json(self, answer: HttpResponse) -> Form:
        self.answer = answer
        assert answer.status_code == 200, answer.content
        assert answer["Content-Type"] == "application/json"
        assert "no-store" in answer["Cache-Control"]
        body: Form = answer.json()
        return body
