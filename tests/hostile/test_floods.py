"""Too much of everything (15, 31-34, 80, F16): a system with its limits on.

Alice's socket is open all the time and notices none of it.
"""

import json
import os
import resource
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.hostile.conftest import Start
from tests.hostile.scene import Scene
from tests.hostile.target import Json, Person, Target
from tests.hostile.wire import PING, PONG, Wire, bearer, frame
from tests.images import picture
from tests.up import eventually

FRAMES = 300  # FRAMES_PER_SOCKET is 300/3s: these at once, and then 100 each second
SOCKETS = 50  # SOCKETS_PER_USER
LOW = {
    "MESSAGES_PER_USER": "40/1h",
    "CONNECTS_PER_USER": "70/1h",
    "SOCKETS_PER_IP": "80",
    "AVATARS_PER_USER": "5/1h",
    "NEW_ROOMS_PER_USER": "6/1h",
    "ROOMS_PER_USER": "5",
    "MEMBERS_PER_ROOM": "3",
}
MIB = 1024 * 1024


class Crowd:
    """A kitchen with Alice, Bob and Eve in it, and Mallory, who is not. One flood needs one of them
    only, so that none uses up what another test needs."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.bob, self.eve, self.mallory = map(target.register, ("bob", "eve", "mallory"))
        self.kitchen = self.room(target.alice, self.bob, self.eve)

    def room(self, owner: Person, *others: Person) -> str:
        body = {"name": "kitchen", "members": [person.identity for person in others]}
        made = self.target.api("rooms/", body, headers=owner.headers)
        assert made.status_code == 201, made.text
        return str(made.json()["identity"])

    def socket(self, person: Person) -> AbstractContextManager[Wire]:
        return ready(self.target, person)


@contextmanager
def ready(target: Target, person: Person) -> Iterator[Wire]:
    """Returns an open socket whose `ready` has arrived."""
    with Wire(target, bearer(person.access)) as wire:
        told = json.loads(wire.hear())
        assert told["type"] == "ready", told
        yield wire


@pytest.fixture(scope="module")
def crowd(start: Start) -> Crowd:
    return Crowd(start(**LOW))


@pytest.fixture(autouse=True)
def _others_live(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "crowd" in request.fixturenames:
        request.getfixturevalue("crowd").target.bystander_is_unharmed()


def flood(sender: Wire, frames: list[Json]) -> None:
    sender.send(b"".join(frame(json.dumps(each).encode()) for each in frames))


def answers(listener: Wire, count: int) -> list[Json]:
    return [listener.answer() for _ in range(count)]


def pings(count: int) -> list[Json]:
    return [{"type": "ping", "id": str(number)} for number in range(count)]


def wants(room: str, count: int, name: str) -> list[Json]:
    fields = {"type": "message.send", "room_identity": room, "data": "x"}
    ids = (f"{name}-{number}" for number in range(count))
    return [fields | {"id": each, "client_id": each} for each in ids]


# --- frames ---------------------------------------------------------------------------------


def test_32_a_frame_too_many_is_refused_and_then_welcome_again(crowd: Crowd) -> None:
    with crowd.socket(crowd.eve) as eve:
        flood(eve, pings(501))
        heard = answers(eve, 501)
        assert {told["id"] for told in heard} == {str(number) for number in range(501)}
        refused = [told for told in heard if told["type"] == "error"]
        assert 501 - FRAMES - 150 <= len(refused) <= 501 - FRAMES  # meanwhile it fills up
        assert {(told["code"], told["retry_after"]) for told in refused} == {("rate_limited", 1)}
        time.sleep(refused[-1]["retry_after"])
        flood(eve, pings(1))
        assert answers(eve, 1) == [{"type": "ack", "id": "0"}]


def test_32_who_does_not_stop_is_cut(crowd: Crowd) -> None:
    with crowd.target.timed("a flood"), crowd.socket(crowd.eve) as eve:
        flood(eve, pings(2_000))
        assert eve.close_code() == 4429


def test_31_typing_all_the_time_reaches_nobody(crowd: Crowd) -> None:
    typing = {"type": "typing", "room_identity": crowd.kitchen}
    with crowd.target.unchanged(), crowd.socket(crowd.bob) as bob, crowd.socket(crowd.eve) as eve:
        flood(eve, [typing] * 1_000)
        refused = answers(eve, 1_000 - FRAMES - 200)
        assert {told["code"] for told in refused} == {"rate_limited"}
        time.sleep(0.1)
        flood(bob, pings(1))
        heard: list[Json] = []
        while not heard or heard[-1]["type"] != "ack":
            heard.append(json.loads(bob.hear()))
        kinds = Counter(told["type"] for told in heard)
        assert 1 <= kinds["typing"] <= 20


def test_15_pings_and_pongs_of_the_protocol(crowd: Crowd) -> None:
    """The application sees none of them."""
    for opcode in (PING, PONG):
        with Wire(crowd.target, bearer(crowd.eve.access)) as wire:
            wire.send(frame(b"x" * 125, opcode) * 1_000)
            assert wire.close_code() == 4429


# --- messages -------------------------------------------------------------------------------


def test_a_user_s_messages_count_together(crowd: Crowd) -> None:
    """On two devices; what is refused is not stored, and others may go on."""
    with crowd.socket(crowd.bob) as one, crowd.socket(crowd.bob) as two:
        flood(one, wants(crowd.kitchen, 30, "one"))
        flood(two, wants(crowd.kitchen, 30, "two"))
        heard = answers(one, 30) + answers(two, 30)
    refused = [told for told in heard if told["type"] == "error"]
    assert len(refused) == 20
    assert {told["code"] for told in refused} == {"rate_limited"}
    assert {told["retry_after"] for told in refused} <= {89, 90}
    stored = crowd.target.database["message_basic"].count_documents(
        {"room_identity": crowd.kitchen}
    )
    assert stored == 40
    with crowd.socket(crowd.eve) as eve:
        flood(eve, wants(crowd.kitchen, 1, "eve"))
        assert answers(eve, 1)[0]["type"] == "ack"


def test_messages_by_request(crowd: Crowd) -> None:
    path = f"rooms/{crowd.kitchen}/messages/"
    bodies = [{"client_id": f"rest-{number}", "data": "x"} for number in range(42)]
    told = [crowd.target.api(path, body, headers=crowd.eve.headers) for body in bodies]
    assert [answer.status_code for answer in told] == [201] * 40 + [429] * 2
    assert told[-1].json()["code"] == "rate_limited"
    assert 1 <= int(told[-1].headers["Retry-After"]) <= 3_600


# --- sockets --------------------------------------------------------------------------------


def test_34_the_newest_fifty_stay(crowd: Crowd) -> None:
    with ExitStack() as stack:
        opened = [stack.enter_context(crowd.socket(crowd.eve)) for _ in range(SOCKETS + 2)]
        assert [oldest.close_code() for oldest in opened[:2]] == [4409, 4409]
        for listener in opened[2:]:
            flood(listener, pings(1))
            assert answers(listener, 1) == [{"type": "ack", "id": "0"}]


def test_one_address_has_so_many(crowd: Crowd) -> None:
    """The refusal is in HTTP, before anybody is asked who it is; when some are closed there is room
    again."""
    left = int(LOW["SOCKETS_PER_IP"]) - 1  # Alice's
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(crowd.target)) for _ in range(2)]
        assert all(
            wire.close_code() == 4401 for wire in wires
        )  # not signed in: not counted for long
        for person in (crowd.bob, crowd.mallory):
            for _ in range(min(left, SOCKETS - 10)):
                stack.enter_context(crowd.socket(person))
                left -= 1
        spoofed = b"X-Forwarded-For: 198.51.100.7\r\n"
        with Wire(crowd.target, bearer(crowd.bob.access) + spoofed) as refused:
            status, *headers = refused.head.split(b"\r\n")
    assert status == b"HTTP/1.1 429 Too Many Requests"
    assert b"retry-after: 30" in headers
    with crowd.socket(crowd.bob):
        pass


def test_coming_and_going_all_the_time(crowd: Crowd) -> None:
    """Mallory may connect 70 times."""
    allowed = int(LOW["CONNECTS_PER_USER"].partition("/")[0])
    told = [_first_frame(crowd, crowd.mallory) for _ in range(allowed + 1)]
    refused = told.index("error")  # other tests of this module have used some of hers
    assert set(told[:refused]) == {"ready"}
    with Wire(crowd.target, bearer(crowd.mallory.access)) as wire:
        error = json.loads(wire.hear())
        assert (error["type"], error["code"]) == ("error", "rate_limited")
        assert 1 <= error["retry_after"] <= 60
        assert wire.close_code() == 4429


def _first_frame(crowd: Crowd, person: Person) -> str:
    with Wire(crowd.target, bearer(person.access)) as wire:
        return str(json.loads(wire.hear())["type"])


# --- rooms and files ------------------------------------------------------------------------


def new_room(crowd: Crowd, person: Person) -> tuple[int, str]:
    answer = crowd.target.api("rooms/", {"name": "another"}, headers=person.headers)
    return answer.status_code, str(answer.json().get("identity", answer.json().get("code")))


def enter(crowd: Crowd, person: Person, room: str) -> int:
    """Joining by the number of a room, which a member passes on."""
    found = crowd.target.database["room_basic"].find_one({"_id": room})
    assert found is not None
    body = {"number": found["number"]}
    return crowd.target.api("rooms/join/", body, headers=person.headers).status_code


def test_33_rooms_without_end(crowd: Crowd) -> None:
    """Five rooms for each user, three members in each, six new ones in an hour."""
    alice = crowd.target.alice
    made = [new_room(crowd, alice) for _ in range(4)]
    assert [status for status, _ in made] == [201] * 4
    assert new_room(crowd, alice) == (403, "forbidden")
    assert [enter(crowd, crowd.eve, room) for _, room in made] == [200] * 4
    # Groups that others added her to do not count.
    (_, fifth), (status, bobs) = new_room(crowd, crowd.bob), new_room(crowd, crowd.bob)
    assert enter(crowd, crowd.eve, fifth) == 200
    assert (status, enter(crowd, crowd.eve, bobs)) == (201, 403)
    add = {"user_identity": crowd.eve.identity}
    added = crowd.target.api(f"rooms/{bobs}/members/", add, headers=crowd.bob.headers)
    assert (added.status_code, added.json()["code"]) == (403, "forbidden")
    assert enter(crowd, crowd.mallory, crowd.kitchen) == 403  # it is full
    assert enter(crowd, crowd.eve, crowd.kitchen) == 200  # members stay members
    for _ in range(2):
        gone = f"/api/v1/rooms/{made.pop()[1]}/"
        assert crowd.target.ask("DELETE", gone, headers=alice.headers).status_code == 204
        made.append(new_room(crowd, alice))
    assert [made.pop()[0], made.pop()[0]] == [429, 201]


def test_80_files_without_end(crowd: Crowd) -> None:
    small = picture("PNG", (8, 8))
    told = [
        crowd.target.ask(
            "PUT",
            "/api/v1/users/me/avatar/",
            headers=crowd.bob.headers,
            files={"avatar": ("small.png", small, "image/png")},
        )
        for _ in range(7)
    ]
    assert [answer.status_code for answer in told] == [200] * 5 + [429] * 2
    assert 1 <= int(told[-1].headers["Retry-After"]) <= 3_600


# --- who does not read ----------------------------------------------------------------------


@pytest.fixture
def room(scene: Scene) -> Iterator[str]:
    """Messages of Bob and Eve only: Alice reads now and then, and would be cut off."""
    scene.changes()
    made = scene.room("busy", [scene.eve.identity], scene.bob)
    yield made
    # Other tests compare all documents there are: thousands would take them seconds.
    scene.target.database["message_basic"].delete_many({"room_identity": made})


def test_who_never_reads_is_cut_and_nobody_notices(scene: Scene, room: str) -> None:
    """F16, with a bare TCP connection that takes 4 KiB and no more; without limits, for this is
    about what is sent out."""
    target, worker = scene.target, scene.target.up.parts()["web"]
    with ready(target, scene.bob) as bob:
        alone = _talk(room, bob, "alone")  # a busy room takes memory even without the deaf client
        before = _memory(worker)
        with _deaf(target, scene.eve) as deaf:
            beside, rounds = 0.0, 0
            while "is too far behind and is cut" not in target.up.output():
                rounds += 1
                assert rounds < 8, "20 MB wait to be read"  # the kernel takes 4 of them
                beside = max(beside, _talk(room, bob, f"beside-{rounds}"))
            grown = _memory(worker) - before
            assert deaf.close_code() == 4413
    assert grown < 8 * MIB, f"grown by {grown / MIB:.1f} MiB"
    assert beside < max(3 * alone, 0.2), f"slowest ack {beside:.3f} s, alone {alone:.3f} s"
    target.bystander_is_unharmed()


@contextmanager
def _deaf(target: Target, person: Person) -> Iterator[Wire]:
    """The buffer is full at once, and stays full until it is asked what it has received."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    with Wire(target, bearer(person.access), over=small) as wire:
        yield wire


def _talk(room: str, sender: Wire, name: str) -> float:
    """500 messages, ten at a time: 2 MB, and half of it again. The slowest 2 % of the acks do not
    count."""
    took = []
    message = {"type": "message.send", "room_identity": room, "data": "x" * 4_900}
    for turn in range(50):
        started = time.monotonic()
        ids = [f"{name}-{turn}-{number}" for number in range(10)]
        flood(sender, [message | {"id": each, "client_id": each} for each in ids])
        assert {told["type"] for told in answers(sender, 10)} == {"ack"}
        took.append(time.monotonic() - started)
    return sorted(took)[-2]


def _memory(pid: int) -> int:
    """Returns resident memory in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4_096


# --- descriptors ----------------------------------------------------------------------------


def test_idle_connections_make_room(scene: Scene) -> None:
    """F22: connected clients stay connected, others come in, and databases can be reached."""
    target, worker = scene.target, scene.target.up.parts()["web"]
    soft, hard = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (256, hard))
    try:
        with ready(target, scene.bob) as bob, ExitStack() as stack:
            for _ in range(300):
                stranger = socket.create_connection(("127.0.0.1", target.port))
                stack.callback(stranger.close)
            flood(bob, pings(1))
            assert answers(bob, 1) == [{"type": "ack", "id": "0"}]
            with ready(target, scene.eve):
                assert target.ask("GET", "/readyz").status_code == 200
            assert _descriptors(worker) < 250
    finally:
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (soft, hard))
    target.bystander_is_unharmed()


def test_five_hundred_who_come_and_go_leave_nothing(scene: Scene) -> None:
    """tests/chat/test_traces.py checks tasks and subscriptions."""
    worker = scene.target.up.parts()["web"]
    _come_and_go(scene, 60)
    descriptors, memory = _descriptors(worker), _memory(worker)
    _come_and_go(scene, 500)
    assert eventually(lambda: _descriptors(worker) <= descriptors + 2, 10)
    assert _memory(worker) - memory < 4 * MIB


def _come_and_go(scene: Scene, count: int) -> None:
    for _ in range(count // 20):
        with ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(ready(scene.target, scene.eve))


def _descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
