"""Clients that take and do not let go: bodies that do not come, answers nobody reads, connections
without end (99-106). A system with low limits; the attacker comes from one address of this machine,
the others from another one."""

import json
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest

from tests.hostile.conftest import Start
from tests.hostile.target import ANSWER_S, Person, Target
from tests.hostile.test_floods import _descriptors, _memory
from tests.hostile.wire import HELLO, Wire, bearer, frame
from tests.up import eventually

MIB = 1024 * 1024
STALLED_S = 1.0
LOW = {
    "HEAD_WITHIN_S": str(STALLED_S),
    "BODY_STALLED_S": str(STALLED_S),
    "ANSWER_STALLED_S": str(2 * STALLED_S),
    "MESSAGE_WITHIN_S": str(STALLED_S),
    "CONNECTIONS_PER_IP": "60",
    "HELD_BYTES_PER_IP": str(8 * MIB),
}
OTHERS = "127.0.0.2"
UPLOADS = "/api/v1/users/me/avatar/"
# The largest file there is: 1.5 MB.
DOWNLOAD = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
CHAT, SEED = b"/ws/", b"/u/websocket/message"


@pytest.fixture(scope="module")
def target(start: Start) -> Target:
    return start(**LOW)


@pytest.fixture(autouse=True)
def _others_live(target: Target) -> Iterator[None]:
    yield
    target.bystander_is_unharmed()


def worker(target: Target) -> int:
    return target.up.parts()["web"]


@contextmanager
def connection(
    target: Target, *, ip: str = "127.0.0.1", window: int = 0
) -> Iterator[socket.socket]:
    """`window`: how much it takes before anything is read from it."""
    line = socket.socket()
    with line:
        if window:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        line.bind((ip, 0))
        line.settimeout(ANSWER_S)
        line.connect(("127.0.0.1", target.port))
        yield line


def head(target: Target, method: str, path: str, *more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {target.host}", *more, "", ""]
    return "\r\n".join(lines).encode()


def rest(line: socket.socket, within: float = ANSWER_S) -> bytes:
    """Returns what comes until the server hangs up."""
    line.settimeout(within)
    heard = b""
    with suppress(ConnectionError):
        while piece := line.recv(65_536):
            heard += piece
    return heard


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def others(target: Target) -> httpx.Client:
    transport = httpx.HTTPTransport(local_address=OTHERS)
    return httpx.Client(
        base_url=target.url, transport=transport, timeout=ANSWER_S, headers={"Host": target.host}
    )


def others_are_served(target: Target) -> None:
    with others(target) as visitor, target.timed("a page beside it", 2.0):
        assert visitor.get("/accounts/login/").status_code == 200
    line = socket.socket()
    line.bind((OTHERS, 0))
    with Wire(target, bearer(target.alice.access), over=line) as wire:
        assert json.loads(wire.hear())["type"] == "ready"


# --- 99: bodies that do not come ------------------------------------------------------------


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/auth/login/", "/accounts/login/", UPLOADS])
@pytest.mark.parametrize("kind", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_99_a_silent_body_ends(target: Target, path: str, kind: str) -> None:
    with connection(target) as line:
        line.sendall(head(target, "PUT", path, kind))
        started = time.monotonic()
        answer = rest(line)
        assert time.monotonic() - started == pytest.approx(STALLED_S, abs=1.0)
    assert status(answer) == 408
    assert b"\r\nconnection: close\r\n" in answer.lower()
    if path.startswith("/api/"):
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "too_slow"


def test_99_a_body_byte_by_byte_ends(target: Target) -> None:
    """Sends less than a KiB each second, but something all the time."""
    with connection(target) as line:
        line.sendall(head(target, "PUT", UPLOADS, "Content-Length: 100000"))
        line.settimeout(0.1)
        started, answer = time.monotonic(), b""
        while not answer and time.monotonic() - started < ANSWER_S:
            line.sendall(b"x" * 10)
            with suppress(TimeoutError):
                answer = line.recv(65_536)
        assert time.monotonic() - started == pytest.approx(STALLED_S, abs=1.0)
    assert status(answer) == 408


# --- 100: bodies where none belong ----------------------------------------------------------


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/auth/login/", "/accounts/login/", "/admin/"])
@pytest.mark.parametrize("announced", [True, False])
def test_100_large_bodies_only_where_uploads_go(target: Target, path: str, announced: bool) -> None:
    """The answer can be read by a client that goes on sending."""
    body = b"x" * (3 * MIB)
    content = body if announced else iter([body[:MIB], body[MIB:]])
    answer = target.ask("POST", path, content=content, headers={"Content-Type": "image/png"})
    assert answer.status_code == 413
    assert _files(target) == set()


def _files(target: Target) -> set[str]:
    """Returns the temporary files that the web worker has open."""
    folder, found = f"/proc/{worker(target)}/fd", set()
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):
            found.add(os.readlink(f"{folder}/{name}"))
    return {name for name in found if name.startswith("/tmp/") and "deleted" in name}  # noqa: S108


# --- 101: many unfinished uploads -----------------------------------------------------------


def _most_of_it(line: socket.socket) -> None:
    with suppress(ConnectionError):
        line.sendall(b"x" * (4 * MIB))


def test_101_unfinished_uploads_fill_neither_memory_nor_disk(target: Target) -> None:
    before = _memory(worker(target))
    with ExitStack() as stack:
        lines = [stack.enter_context(connection(target)) for _ in range(30)]
        for line in lines:
            line.sendall(head(target, "PUT", UPLOADS, f"Content-Length: {5 * MIB}"))
        with ThreadPoolExecutor(len(lines)) as pool:  # who is refused is not read from for a while
            list(pool.map(_most_of_it, lines))
        held = sum(os.stat(f"/proc/{worker(target)}/fd/{n}").st_size for n in _open(target))
        assert held <= 9 * MIB
        assert _memory(worker(target)) - before < 24 * MIB
        others_are_served(target)
        told = sorted(status(rest(line)) for line in lines)
    assert set(told) == {408, 429}
    assert told.count(408) <= 2
    assert _files(target) == set()


def _open(target: Target) -> list[str]:
    folder = f"/proc/{worker(target)}/fd"
    return [name for name in os.listdir(folder) if "deleted" in os.readlink(f"{folder}/{name}")]


# --- 102: answers nobody reads --------------------------------------------------------------


def test_102_downloads_nobody_reads(target: Target) -> None:
    before = _memory(worker(target)), _descriptors(worker(target))
    with ExitStack() as stack:
        lines = [stack.enter_context(connection(target, window=4_096)) for _ in range(50)]
        for line in lines:
            line.sendall(head(target, "GET", DOWNLOAD))
        assert eventually(lambda: _descriptors(worker(target)) > before[1] + 10, STALLED_S)
        others_are_served(target)
        assert _memory(worker(target)) - before[0] < 24 * MIB
        assert eventually(lambda: _descriptors(worker(target)) < before[1] + 10, 8)


def test_102_short_answers_nobody_reads(target: Target) -> None:
    """Answers that fit into a buffer are no exception: the client asks again and again."""
    before = _descriptors(worker(target))
    asked = head(target, "GET", "/static/js/chat.js") * 150
    with ExitStack() as stack:
        lines = [stack.enter_context(connection(target, window=4_096)) for _ in range(10)]
        for line in lines:
            line.sendall(asked)
        assert eventually(lambda: _descriptors(worker(target)) >= before + 10, STALLED_S)
        assert eventually(lambda: _descriptors(worker(target)) < before + 5, 30)


def test_102_who_reads_slowly_gets_all_of_it(target: Target) -> None:
    with connection(target, window=4_096) as line:
        line.sendall(head(target, "GET", DOWNLOAD, "Connection: close"))
        heard, started = 0, time.monotonic()
        while time.monotonic() - started < 4 * STALLED_S:
            heard += len(line.recv(8_192))
            time.sleep(0.05)
        answer = rest(line)
    length = int(
        httpx.head(target.url + DOWNLOAD, headers={"Host": target.host}).headers["Content-Length"]
    )
    assert heard + len(answer) > length


# --- 103, 104: connections without end ------------------------------------------------------


def test_103_one_address_has_so_many_connections(target: Target) -> None:
    """Connections on which nothing happens make room; the others do not."""
    allowed, alices = int(LOW["CONNECTIONS_PER_IP"]), 1
    with ExitStack() as stack:
        idle = [stack.enter_context(connection(target)) for _ in range(allowed)]
        assert status(_ask(target, idle[-1])) == 200
        assert rest(idle[0]) == b""
        busy = [stack.enter_context(connection(target)) for _ in range(allowed - alices)]
        for line in busy:
            line.sendall(head(target, "PUT", UPLOADS, "Content-Length: 9"))
        time.sleep(0.3)
        with connection(target) as late:
            assert status(rest(late)) == 503
        others_are_served(target)


def _ask(target: Target, line: socket.socket) -> bytes:
    line.sendall(head(target, "GET", "/healthz", "Connection: close"))
    return rest(line)


def test_104_at_the_limit_of_descriptors_others_get_in(target: Target) -> None:
    """1,100 connections at a limit of 1,024: half of what is left without the reserve."""
    own = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(own[1], 4_096), own[1]))
    soft, hard = resource.prlimit(worker(target), resource.RLIMIT_NOFILE)
    resource.prlimit(worker(target), resource.RLIMIT_NOFILE, (1_024, hard))
    try:
        with ExitStack() as stack:
            for number in range(1_100):
                # From many addresses, so that only the total counts.
                stack.enter_context(connection(target, ip=f"127.0.1.{number % 40 + 1}"))
            assert _descriptors(worker(target)) < 1_024 - 100
            others_are_served(target)
            with others(target) as visitor:
                assert visitor.get("/readyz").status_code == 200
    finally:
        resource.prlimit(worker(target), resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, own)


# --- 105: messages of a socket that do not end ----------------------------------------------


def _half_a_frame(number: int) -> bytes:
    return b"\x81\xfe\x10\x00\0\0\0\0" if number == 0 else b"x"


def _fragments(number: int) -> bytes:
    return frame(b"x", 1 if number == 0 else 0, fin=False)


@pytest.mark.parametrize("path", [CHAT, SEED])
@pytest.mark.parametrize("dribble", [_half_a_frame, _fragments])
def test_105_a_message_without_end_ends(
    target: Target, path: bytes, dribble: Callable[[int], bytes]
) -> None:
    started, number = time.monotonic(), 0
    with Wire(target, _shown(target.alice, target, path), path=path) as wire:
        if path == CHAT:
            assert json.loads(wire.hear())["type"] == "ready"
        wire._socket.settimeout(0.2)
        code = -1
        while code < 0 and time.monotonic() - started < ANSWER_S:
            wire.send(dribble(number))
            number += 1
            with suppress(TimeoutError):
                code = wire.close_code()
    assert code == 1008
    assert time.monotonic() - started == pytest.approx(STALLED_S, abs=1.0)


def _shown(person: Person, target: Target, path: bytes) -> bytes:
    if path == CHAT:
        return bearer(person.access)
    answer = httpx.post(
        f"{target.url}/login",
        data={"account": person.account, "password": "correct horse battery staple"},
        headers={"Host": target.host},
    )
    token: str = answer.json()["data"]["token"]
    target.secrets.add(token)
    return b"token: " + token.encode() + b"\r\n"


# --- 107: a Redis that stands still ---------------------------------------------------------


SHOWN = ["", "?ticket=x", "?%74icket=x", "?a=1&%74%69%63%6b%65%74=x"]


def test_107_who_waits_for_redis_stops_nobody(target: Target) -> None:
    """Whatever is shown in a handshake, and whoever signs in or asks for a page meanwhile."""
    redis = target.up.parts()["redis"]
    os.kill(redis, signal.SIGSTOP)
    try:
        with ExitStack() as stack:
            for query in SHOWN:
                line = stack.enter_context(connection(target))
                path = f"/ws/{query}"
                line.sendall(HELLO.replace(b"/ws/", path.encode(), 1))
                line.sendall(f"Host: {target.host}\r\n".encode())
                line.sendall(bearer(target.alice.access) + b"\r\n")
            for path in ("/api/v1/auth/login/", "/api/v1/auth/code/", "/login"):
                line = stack.enter_context(connection(target))
                line.sendall(head(target, "POST", path, "Content-Length: 2") + b"{}")
            for _ in range(10):
                with target.timed("a ping while Redis stands still", 1.0):
                    target.bystander_is_unharmed()
                time.sleep(0.05)
    finally:
        os.kill(redis, signal.SIGCONT)
    assert eventually(lambda: target.ask("GET", "/api/v1/health/live/").status_code == 200, 10)


# --- 106: requests one behind the other -----------------------------------------------------


def test_106_requests_on_one_connection_wait_for_each_other(target: Target) -> None:
    """Thousands at once are answered one by one, and others do not wait for them."""
    asked, before = head(target, "GET", "/healthz"), _memory(worker(target))
    with connection(target) as line:
        line.settimeout(0.5)
        with suppress(TimeoutError):
            line.sendall(asked * 20_000)
        others_are_served(target)
        assert _memory(worker(target)) - before < 8 * MIB
