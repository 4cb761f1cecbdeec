"""The REST API in tests: a client that speaks JSON, and the documents it may get."""

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from accounts import services
from accounts.models import DeviceSession, User
from tests.leaks import said


class Api:
    """Calls /api/v1/; with `user` signed in, as that user on a device of their own."""

    def __init__(self, user: User | None = None, **headers: str) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.headers = headers
        self.session: DeviceSession | None = None
        if user is not None:
            signed_in = services.sign_in_user(user=user, ip="10.0.0.1", device="test")
            self.session, self.refresh = signed_in.session, signed_in.refresh
            self.headers["Authorization"] = f"Bearer {signed_in.access}"

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        said(body.get("data") if isinstance(body, dict) else None)
        data = None if body is None else json.dumps(body)
        return self.client.generic(
            method,
            f"/api/v1/{path}",
            data or "",
            content_type="application/json",
            headers={**self.headers, **headers},
        )

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None) -> HttpResponse:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> HttpResponse:
        return self.call("DELETE", path)


def problem(
    status: int, title: str, code: str, detail: str, /, **errors: list[str]
) -> dict[str, Any]:
    """The whole problem document."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return {**body, "errors": errors} if errors else body


def bad_request(**errors: list[str]) -> dict[str, Any]:
    """What services answer to bad values."""
    return problem(400, "Bad Request", "bad_request", "The request is not valid.", **errors)


def invalid(**errors: list[str]) -> dict[str, Any]:
    """What serializers answer to wrong shapes."""
    return problem(400, "Bad Request", "bad_request", "Some fields are not valid.", **errors)


def refused(detail: str) -> dict[str, Any]:
    """400 with a sentence and no field to blame."""
    return problem(400, "Bad Request", "bad_request", detail)


def forbidden(detail: str, code: str = "forbidden") -> dict[str, Any]:
    return problem(403, "Forbidden", code, detail)


def initial(identity: str, name: str) -> str:
    """The picture of who (or what) has none, for names that begin with one plain letter."""
    return f"/avatars/initial/{identity[-1]}-{ord((name or '?')[0].upper()):x}.svg"


def public(user: User) -> dict[str, Any]:
    """A person as everybody sees them."""
    return {
        "identity": user.identity,
        "account": user.account,
        "nickname": user.nickname,
        "sex": user.sex,
        "avatar": initial(user.identity, user.nickname),
        "created_at": user.created_at,
    }


def own(user: User, **changes: Any) -> dict[str, Any]:
    """A person as they see themself."""
    return {
        **public(user),
        "avatar": initial(user.identity, changes.get("nickname", user.nickname)),
        "email": user.email,
        "who_may_add": "everyone",
        "who_sees_online": "everyone",
        "read_receipts": True,
        "language": user.language,
        **changes,
    }


NOT_AUTHENTICATED = problem(401, "Unauthorized", "not_authenticated", "Sign in first.")
NO_CREDENTIALS = problem(
    401,
    "Unauthorized",
    "not_authenticated",
    "Authentication credentials were not provided.",
)
NOT_FOUND = problem(404, "Not Found", "not_found", "Not found.")
