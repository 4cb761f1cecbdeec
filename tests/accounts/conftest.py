"""Alice, who has an account; Bob, another; and a client that speaks JSON."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.http import HttpResponse
from django.test import Client

from accounts import services
from accounts.codes import Purpose
from accounts.models import DeviceSession, User
from imsystem.realtime import hub
from imsystem.realtime.events import Close, Event

PASSWORD = "correct horse battery"


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


NOT_AUTHENTICATED = problem(401, "Unauthorized", "not_authenticated", "Sign in first.")
NOT_FOUND = problem(404, "Not Found", "not_found", "Not found.")


def make_user(name: str, password: str = PASSWORD) -> User:
    return services.create_user(
        account=name, email=f"{name}@example.org", nickname=name.title(), password=password
    )


def mailed_code(email: str, subject: str = r"([0-9]{6}) is your IMSystem code") -> str:
    """The code in the last mail to this address."""
    subjects = [message.subject for message in mail.outbox if message.to == [email]]
    found = re.fullmatch(subject, subjects[-1])
    assert found, subjects
    return found[1]


def ask_code(email: str, purpose: Purpose = Purpose.REGISTER) -> str:
    services.send_code(email=email, purpose=purpose, ip="10.0.0.1")
    return mailed_code(email)


def wrong(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 1_000_000:06}"


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def bob() -> User:
    return make_user("bob")


@pytest.fixture
def closed() -> Iterator[list[str]]:
    """The topics whose sockets were told to close."""
    topics: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, Close):
            topics.append(event.topic)

    hub.observe(note)
    yield topics
    hub._observers.remove(note)
