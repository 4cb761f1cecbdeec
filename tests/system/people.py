"""Users of the system under test, registered with the code from their mail, and what they do."""

import asyncio
import re
import secrets
import time
from pathlib import Path
from typing import Any

import httpx

Json = dict[str, Any]

PASSWORD = "correct horse battery staple"
MAIL_WITHIN_S = 10.0


def unique(name: str) -> str:
    """Returns a username that nobody has."""
    return f"{name}-{secrets.token_hex(3)}"


def _newest_code(mails: Path, address: str) -> str | None:
    files = sorted(mails.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
    for file in files:
        # Mails of the same second may share a file.
        for mail in reversed(file.read_text(errors="replace").split("-" * 79)):
            found = re.search(r"^Subject: ([0-9]{6}) ", mail, re.MULTILINE)
            if found and f"To: {address}\n" in mail:
                return found[1]
    return None


async def mailed_code(mails: Path, address: str) -> str:
    """Returns the code that was sent to this address last."""
    deadline = time.monotonic() + MAIL_WITHIN_S
    while time.monotonic() < deadline:
        if code := _newest_code(mails, address):
            return code
        await asyncio.sleep(0.05)
    raise TimeoutError(f"no mail for {address}")


def http(url: str, token: str = "") -> httpx.AsyncClient:
    """A client of the REST API; reads no proxy from the environment."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    # No connection is kept: one that the server gives up as the next request leaves breaks it.
    limits = httpx.Limits(max_keepalive_connections=0)
    base = f"{url}/api/v1/"
    return httpx.AsyncClient(base_url=base, headers=headers, timeout=30, limits=limits)


class Person:
    """A user with an account and one device session. `api` is their REST client."""

    def __init__(self, url: str, account: str, signed_in: Json) -> None:
        self.url = url
        self.account = account
        self.identity: str = signed_in["user"]["identity"]
        self.token: str = signed_in["access"]
        self.refresh: str = signed_in["refresh"]
        self.api = http(url, self.token)

    async def create_room(self, name: str) -> Json:
        return await self.call("POST", "rooms/", name=name, info="")

    async def join(self, number: str) -> Json:
        return await self.call("POST", "rooms/join/", number=number)

    async def history(self, room: str, after: int = 0) -> list[Json]:
        """Returns every message of a room from number `after` + 1 on, page by page."""
        messages: list[Json] = []
        more = True
        while more:
            page = await self.call("GET", f"rooms/{room}/messages/?after={after}&limit=100")
            messages += page["messages"]
            after, more = after + 100, page["has_after"]
        return messages

    async def renew(self) -> None:
        """Gets new tokens of the same device session."""
        tokens = await self.call("POST", "auth/refresh/", refresh=self.refresh)
        self.token, self.refresh = tokens["access"], tokens["refresh"]
        self.api.headers["Authorization"] = f"Bearer {self.token}"

    async def call(self, method: str, path: str, **body: object) -> Json:
        """Sends one request that has to succeed."""
        answer = await self.api.request(method, path, json=body or None)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        found: Json = answer.json() if answer.content else {}
        return found


async def register(url: str, mails: Path, name: str) -> Person:
    """Registers a new user as an API client does."""
    account = unique(name)
    address = f"{account}@example.org"
    async with http(url) as api:
        sent = await api.post("auth/code/", json={"email": address, "purpose": "register"})
        assert sent.status_code == 202, sent.text
        body = {"account": account, "email": address, "password": PASSWORD}
        body["code"] = await mailed_code(mails, address)
        answer = await api.post("auth/register/", json=body)
    assert answer.status_code == 201, answer.text
    return Person(url, account, answer.json())


async def register_all(url: str, mails: Path, count: int) -> list[Person]:
    """Registers several users at the same time."""
    people = (register(url, mails, f"person{number}") for number in range(count))
    return list(await asyncio.gather(*people))


async def room_of(people: list[Person], name: str = "Kitchen") -> str:
    """Creates a group of these users, all of whom joined by its number."""
    first, *others = people
    room = await first.create_room(name)
    await asyncio.gather(*(person.join(room["number"]) for person in others))
    identity: str = room["identity"]
    return identity


async def sign_in(person: Person) -> Person:
    """The same user on another device."""
    async with http(person.url) as api:
        body = {"account": person.account, "password": PASSWORD}
        answer = await api.post("auth/login/", json=body)
    assert answer.status_code == 200, answer.text
    return Person(person.url, person.account, answer.json())
