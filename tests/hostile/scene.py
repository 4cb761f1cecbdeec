"""The scene for hostile input: a room, its members, and things that are not for Eve."""

import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from tests.hostile.target import LEAK, Json, Person, State, Target
from tests.hostile.wire import SlowHandshakes

WITHIN_S = 1.0  # what an answer may take; sockets answer in 5 ms
LOOK_EVERY = 10  # cases: all documents are read in 20 ms
SHARED_BY = 8  # cases of at most two bad frames each: after 20 a socket is closed


def case(number: int, name: str, *values: Any) -> Any:
    """One line of a table: its number in the plan, and what is odd about it."""
    return pytest.param(*values, id=f"{number}-{name}")


class Scene:
    """Alice has a kitchen with Bob and Eve in it, a cellar with Bob only, and an attic from which
    Eve was removed; Eve has a room of her own, with Bob. Eve, a legitimate user, attacks."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.slow = SlowHandshakes(target)  # other cases run for ten seconds
        self._state: State | None = None
        self._unlooked: list[str] = []
        self._eve: ClientConnection | None = None
        self._open, self._used = ExitStack(), 0
        self.alice = target.alice
        self.bob, self.eve = target.register("bob"), target.register("eve")
        both = [self.bob.identity, self.eve.identity]
        rooms = {"kitchen": both, "cellar": both[:1], "attic": both}
        self.names = {name: self.room(name, people) for name, people in rooms.items()}
        self.names["evesroom"] = self.room("evesroom", both[:1], self.eve)
        self.names |= {
            "said": self.say(self.alice, "kitchen", "said"),
            "own": self.say(self.eve, "kitchen", "own"),
            "recalled": self.say(self.eve, "kitchen", "recalled"),
            "secret": self.say(self.alice, "cellar", "secret"),
            "past": self.say(self.eve, "attic", "past"),
            "absent": "0" * 24,
            "alice": self.alice.identity,
            "bob": self.bob.identity,
            "eve": self.eve.identity,
        }
        self.recall("recalled")
        path = f"rooms/{self.names['attic']}/members/{self.eve.identity}/"
        self.as_person(self.alice, "DELETE", path)

    def room(self, name: str, members: list[str], owner: Person | None = None) -> str:
        body = {"name": name, "members": members}
        made = self.as_person(owner or self.alice, "POST", "rooms/", body)
        return str(made["identity"])

    def say(self, person: Person, room: str, text: str) -> str:
        body = {"client_id": f"first-{text}", "data": f"what {text} says"}
        path = f"rooms/{self.names[room]}/messages/"
        return str(self.as_person(person, "POST", path, body)["identity"])

    def recall(self, name: str) -> None:
        self.as_person(self.eve, "DELETE", f"messages/{self.names[name]}/")

    def as_person(self, person: Person, method: str, path: str, body: Any = None) -> Json:
        """Sends one request that must succeed, and returns its answer."""
        self.changes()
        options = {} if body is None else {"json": body}
        answer = self.target.ask(method, f"/api/v1/{path}", headers=person.headers, **options)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}

    def filled(self, text: str) -> str:
        """Replaces `@kitchen` and the like by the identities."""
        for name, identity in self.names.items():
            text = text.replace(f"@{name}", identity)
        return text

    # --- sockets ---------------------------------------------------------------------------

    @contextmanager
    def socket(self, person: Person) -> Iterator[ClientConnection]:
        """Returns an open socket whose `ready` has arrived."""
        with self.target.socket(person.headers) as socket:
            assert json.loads(socket.recv(timeout=WITHIN_S))["type"] == "ready"
            yield socket

    @contextmanager
    def eves(self) -> Iterator[ClientConnection]:
        """Returns Eve's socket, which several cases share: opening one takes 15 ms."""
        if self._eve is None or self._used == SHARED_BY:
            self.hang_up()
            self._eve, self._used = self._open.enter_context(self.socket(self.eve)), 0
        self._used += 1
        try:
            yield self._eve
        except BaseException:
            self.hang_up()
            raise

    def hang_up(self) -> None:
        """Returns Eve's socket, if it is open."""
        self._eve = None
        self._open.close()

    def ask(self, socket: ClientConnection, frame: str | bytes | Json) -> Json:
        """Returns the ack or error that comes next. It must come in time and reveal nothing."""
        text = self.filled(json.dumps(frame)) if isinstance(frame, dict) else frame
        with self.target.timed(f"frame {text[:60]!r}", WITHIN_S):
            socket.send(text)
            answer = self.hear(socket)
        shown = json.dumps(answer)
        assert not LEAK.search(shown), shown
        return answer

    def hear(self, socket: ClientConnection) -> Json:
        while True:
            text = socket.recv(timeout=WITHIN_S)
            frame: Json = json.loads(text)
            if frame["type"] in {"ack", "error"}:
                return frame

    def still_answers(self, socket: ClientConnection) -> None:
        assert self.ask(socket, {"type": "ping", "id": "p"}) == {"type": "ack", "id": "p"}

    # --- what holds for every case ---------------------------------------------------------

    @contextmanager
    def unharmed(self, *, unchanged_by: str = "") -> Iterator[None]:
        """No traceback in the log, and Alice's socket, open all the time, still answers. With the
        name of a case, every document stays as it is, too."""
        if not unchanged_by:
            self.changes()
        self._state = self._state or self.target.state()
        logged = len(self.target.up.output())
        yield
        self.target.bystander_is_unharmed()
        log = self.target.up.output()[logged:]
        assert "Traceback" not in log, log[:3_000]
        assert " ERROR " not in log.replace(" ERROR django.security.", ""), log[:3_000]
        if not unchanged_by:
            self._state = None
            return
        self._unlooked.append(unchanged_by)
        if len(self._unlooked) >= LOOK_EVERY:
            self.look()

    def changes(self) -> None:
        """From here on somebody may write."""
        self.look()
        self._state = None

    def look(self) -> None:
        """Returns whether one of the last cases has changed anything."""
        cases, self._unlooked = self._unlooked, []
        if not cases:
            return
        before, after = self._state or {}, self.target.state()
        self._state = after
        found = {
            name: sorted(set(before.get(name, [])) ^ set(documents))[:4]
            for name, documents in after.items()
            if before.get(name) != documents
        }
        assert not found, (cases, found)

    def delivers(self) -> None:
        """Checks that a message of Bob's still reaches Alice."""
        said = self.say(self.bob, "kitchen", secrets.token_hex(4))
        with self.socket(self.alice) as socket:
            frame = {"type": "sync", "id": "s", "rooms": {"@kitchen": {"seq": 0}}}
            answer = self.ask(socket, frame)
        messages = answer["rooms"][self.names["kitchen"]]["messages"]
        assert said in [message["identity"] for message in messages]
