"""The system under attack: a real `manage.py up`, its users, and what must not change."""

import json
import re
import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from html import unescape
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self

import httpx
import redis
from bson import encode
from pymongo import MongoClient
from pymongo.database import Database
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.up import Up, eventually, manage

Json = dict[str, Any]
State = dict[str, list[bytes]]  # collection -> its documents

PASSWORD = "correct horse battery staple"
# What an answer may take. It is measured; the slowest of each module is in the test report.
ANSWER_S = 3.0
# Created once: reading the certificates of authorities takes 20 ms, and httpx does it for each
# client.
NO_TLS = ssl.create_default_context()
HEARTBEAT_S = 5.0  # a fifth of what the server demands
# What no answer may show: tracebacks, files, versions, settings. Nothing that can occur in a token
# or a nonce of random letters: one had "h11".
LEAK = re.compile(
    r"Traceback|site-packages|/imsystem/|\.py\b|Django[ /]\d|Python[ /]\d|uvicorn|h11[. ]|MongoDB"
    r"|SECRET_KEY|MONGODB_URL|INSTALLED_APPS|DEBUG = "
)


class Visitor(httpx.Client):
    """A browser that keeps cookies; forms are sent with their CSRF token."""

    def form(self, path: str, **fields: str) -> httpx.Response:
        """Opens the page, fills in its form and sends it."""
        return self.post(path, data=fields | {"csrfmiddlewaretoken": self.token(path)})

    def token(self, path: str) -> str:
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path).text)
        assert found, path
        return found[1]


class Person:
    """A user with an account and one device session."""

    def __init__(self, account: str, signed_in: Json) -> None:
        self.account, self.email = account, f"{account}@example.org"
        self.identity: str = signed_in["user"]["identity"]
        self.access: str = signed_in["access"]
        self.refresh: str = signed_in["refresh"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}


class Target:
    """`with Target(directory) as target`: runs, with Alice and her open socket. At the end the
    socket must still answer, and the log must hold neither tracebacks nor secrets."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.mails = home / "mail"
        # Files only: the embedded default prints the codes.
        variables = {"EMAIL_URL": f"filemail://{self.mails}", **variables}
        self.up = Up(home / "data", **variables)
        self.secrets: set[str] = {PASSWORD}
        self.slowest = (0.0, "")
        self._over, self._turn = Event(), Lock()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self.up.stop)
            self.up.wait_ready()
            self._connect(stack)
            self._stack = stack.pop_all()
        return self

    def _connect(self, stack: ExitStack) -> None:
        self.url = self.up.url
        self.port = int(self.url.rpartition(":")[2])
        found = json.loads((self.up.data_dir / "endpoints.json").read_text())
        mongo: MongoClient[Json] = stack.enter_context(MongoClient(found["MONGODB_URL"]))
        self.database: Database[Json] = mongo["im"]
        self.redis = stack.enter_context(redis.Redis.from_url(found["REDIS_URL"]))
        self.alice = self.register("alice")
        self.bystander = stack.enter_context(self.socket(self.alice.headers))
        assert json.loads(self.bystander.recv(timeout=ANSWER_S))["type"] == "ready"
        self._beats = Thread(target=self._beat, daemon=True)
        self._beats.start()
        stack.callback(self._beats.join)
        stack.callback(self._over.set)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._stack:
            if exc is None:
                self.bystander_is_unharmed()
                self.log_is_clean()

    def _beat(self) -> None:
        """Does what a client does all the time. The end of the connection is for the tests to
        notice."""
        with suppress(ConnectionClosed):
            while not self._over.wait(HEARTBEAT_S):
                with self._turn:
                    self._ping()

    def _ping(self) -> Json:
        """Returns the answer to a ping on the open socket, skipping whatever else has come."""
        self.bystander.send(json.dumps({"type": "ping", "id": "still-here"}))
        while True:
            frame: Json = json.loads(self.bystander.recv(timeout=ANSWER_S))
            if frame.get("id") == "still-here":
                return frame

    # --- what may not happen ---------------------------------------------------------------

    def bystander_is_unharmed(self) -> None:
        """Checks that the socket that was open all the time still gets its answers."""
        with self._turn:
            assert self._ping() == {"type": "ack", "id": "still-here"}

    def log_is_clean(self) -> None:
        text = self.up.output()
        assert "Traceback" not in text, text[text.index("Traceback") - 500 :][:3_000]
        assert [secret for secret in self.secrets if secret in text] == []
        assert all(line.isprintable() for line in text.splitlines()), "control characters"

    def state(self) -> State:
        """Returns every document of the database, without the heads of rooms, which are written
        later."""
        names = self.database.list_collection_names()
        hidden = {"last_seq": False}
        return {name: sorted(map(encode, self.database[name].find({}, hidden))) for name in names}

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        before = self.state()
        yield
        after = self.state()
        changed = {name for name in before | after if before.get(name) != after.get(name)}
        assert not changed, {name: (before.get(name), after.get(name)) for name in changed}

    # --- requests --------------------------------------------------------------------------

    def browser(self, **headers: str) -> Visitor:
        return Visitor(
            verify=NO_TLS,
            base_url=self.url,
            timeout=ANSWER_S,
            trust_env=False,
            headers={"Host": self.host} | headers,
        )

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Sends one request without cookies; the answer is held to the rules for answers."""
        with self.browser() as visitor, self.timed(f"{method} {path[:60]}"):
            return self.judged(visitor.request(method, path, **options))

    def api(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Sends a POST to the API; for a user, with `headers=person.headers`."""
        return self.ask("POST", f"/api/v1/{path}", json=body, **options)

    def judged(self, answer: httpx.Response) -> httpx.Response:
        assert answer.status_code < 500, answer.text
        text = unescape(answer.text)
        assert not LEAK.search(text), LEAK.search(text)
        if answer.status_code >= 400 and answer.request.url.path.startswith("/api/"):
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code
        return answer

    def raw(self, data: bytes) -> bytes:
        """Sends bytes as they are, on a connection of their own, and returns everything that comes
        back until it ends."""
        with (
            self.timed(repr(data[:60])),
            socket.create_connection(("127.0.0.1", self.port), ANSWER_S) as connection,
        ):
            connection.settimeout(ANSWER_S)
            answer = b""
            with suppress(
                ConnectionError
            ):  # the server need not wait for the end of what it refuses
                connection.sendall(data)
                while piece := connection.recv(65_536):
                    answer += piece
        assert not LEAK.search(answer.decode("latin-1")), answer
        return answer

    @contextmanager
    def timed(self, what: str, within: float = ANSWER_S) -> Iterator[None]:
        started = time.monotonic()
        yield
        took = time.monotonic() - started
        self.slowest = max(self.slowest, (took, what))
        assert took < within, f"{what} took {took:.1f} s"

    @contextmanager
    def socket(self, headers: dict[str, str], origin: Any = None) -> Iterator[ClientConnection]:
        """Opens a chat socket, whatever the server thinks of it."""
        with connect(
            f"ws://{self.host}/ws/",
            sock=socket.create_connection(("127.0.0.1", self.port), ANSWER_S),
            additional_headers=headers,
            origin=origin,
            subprotocols=["im.v1"],  # type: ignore[list-item]
            compression=None,
            proxy=None,
            max_size=None,
            close_timeout=1,  # a client that has not read everything does not see the close frame
        ) as opened:
            yield opened

    # --- people ----------------------------------------------------------------------------

    def code(self, email: str, purpose: str = "register") -> str:
        """Asks for a code and reads it from the mail."""
        asked = self.api("auth/code/", {"email": email, "purpose": purpose})
        assert asked.status_code == 202, asked.text
        assert eventually(lambda: self.mails_to(email) != [], 10), f"no mail for {email}"
        found = re.search(r"^Subject: ([0-9]{6}) ", self.mails_to(email)[-1], re.MULTILINE)
        assert found
        self.secrets.add(found[1])
        return found[1]

    def mails_to(self, email: str) -> list[str]:
        """Returns the mails whose only recipient is this address, oldest first."""
        return [mail for mail in self.all_mails() if f"\nTo: {email}\n" in mail]

    def all_mails(self) -> list[str]:
        files = sorted(self.mails.glob("*.log"), key=lambda path: path.stat().st_mtime)
        return [mail for file in files for mail in file.read_text().split("-" * 79 + "\n") if mail]

    def register(self, name: str) -> Person:
        account = f"{name}-{secrets.token_hex(3)}"
        email = f"{account}@example.org"
        body = {"account": account, "email": email, "password": PASSWORD, "code": self.code(email)}
        answer = self.api("auth/register/", body)
        assert answer.status_code == 201, answer.text
        return self.remember(Person(account, answer.json()))

    def sign_in(self, person: Person, password: str = PASSWORD) -> Person:
        """The same user on another device."""
        answer = self.api("auth/login/", {"account": person.account, "password": password})
        assert answer.status_code == 200, answer.text
        return self.remember(Person(person.account, answer.json()))

    def remember(self, person: Person) -> Person:
        self.secrets |= {person.access, person.refresh, person.email}
        return person

    def superuser(self) -> str:
        """Returns the username of a new user, who has everybody's PASSWORD."""
        account = f"root-{secrets.token_hex(3)}"
        made = manage(
            *("createsuperuser", "--noinput", "--account", account),
            *("--email", f"{account}@example.org"),
            DATA_DIR=str(self.up.data_dir),
            DJANGO_SUPERUSER_PASSWORD=PASSWORD,
        )
        assert made.returncode == 0, made.stdout
        return account
