"""Bytes that are not WebSocket, or more of it than is good (4, 11-18, 27, 35-38).

Written by hand: no client library sends them. Autobahn's cases are in test_autobahn.py.
"""

import json
from pathlib import Path

import pytest
from django.conf import settings

from imsystem.client_limits import FRAME_BYTES
from imsystem.embedded.websocket import MAX_IDLE_PER_S
from tests.hostile.scene import WITHIN_S, Scene, case
from tests.hostile.target import PASSWORD
from tests.hostile.wire import BINARY, CLOSE, PING, PONG, TEXT, Wire, bearer, frame, masked_randomly

pytestmark = pytest.mark.usefixtures("nothing_changed")

PING_COMMAND = b'{"type":"ping","id":"7"}'
GROWTH_BYTES = 4 * 1024 * 1024


def eves(scene: Scene, extra: bytes = b"") -> Wire:
    """Returns an open socket of Eve's whose `ready` has arrived."""
    wire = Wire(scene.target, bearer(scene.eve.access) + extra)
    assert wire.head.startswith(b"HTTP/1.1 101 "), wire.head
    assert json.loads(wire.hear())["type"] == "ready"
    return wire


def padded(size: int) -> bytes:
    """Returns a `ping` of so many bytes."""
    empty = len(PING_COMMAND) + len(b',"a":""')
    return PING_COMMAND[:-1] + b',"a":"' + b"x" * (size - empty) + b'"}'


ENDS = [
    case(11, "lone-byte", 1007, frame(b"\xff")),
    case(11, "in-a-command", 1007, frame(b'{"type":"ping","id":"\xc3\x28"}')),
    case(11, "over-long", 1007, frame(b"\xc0\xaf")),
    case(11, "surrogate", 1007, frame(b"\xed\xa0\x80")),
    case(11, "beyond-unicode", 1007, frame(b"\xf4\x90\x80\x80")),
    case(11, "half-a-letter", 1007, frame(b"\xe4\xbd")),
    case(11, "over-fragments", 1007, frame(b"\xe4\xbd", fin=False) + frame(b"x", 0)),
    case(11, "close-reason", 1007, frame(b"\x03\xe8\xff", CLOSE)),
    case(12, "limit-and-one", 1009, frame(padded(FRAME_BYTES + 1))),
    case(12, "two-mebibytes", 1009, frame(b"x" * 2 * 1024 * 1024)),
    case(12, "binary", 1009, frame(b"x" * (FRAME_BYTES + 1), BINARY)),
    case(12, "in-two-fragments", 1009, frame(b"x" * 40_000, fin=False) + frame(b"x" * 40_000, 0)),
    case(12, "claims-two-gigabytes", 1009, frame(claimed=2**31)),
    case(12, "claims-2-to-the-62", 1009, frame(claimed=2**62)),
    case(12, "claims-a-negative-size", 1009, frame(claimed=2**63)),
    case(4, "100000-brackets", 1009, frame(b"[" * 100_000)),
    case(27, "a-megabyte-of-client-id", 1009, frame(b'{"client_id":"' + b"x" * 1_000_000 + b'"}')),
    *(case(14, f"rsv-{bits}", 1002, frame(PING_COMMAND, rsv=bits)) for bits in (1, 2, 4, 7)),
    *(case(14, f"opcode-{code}", 1002, frame(PING_COMMAND, code)) for code in range(3, 8)),
    *(case(14, f"opcode-{code}", 1002, frame(b"", code)) for code in range(11, 16)),
    case(14, "unmasked", 1002, frame(PING_COMMAND, masked=False)),
    case(14, "unmasked-ping", 1002, frame(b"", PING, masked=False)),
    case(14, "continues-nothing", 1002, frame(b"x", 0)),
    case(14, "begins-twice", 1002, frame(b"{", fin=False) + frame(b"}")),
    case(15, "ping-of-126", 1002, frame(b"x" * 126, PING)),
    case(15, "fragmented-ping", 1002, frame(b"x", PING, fin=False)),
    case(15, "1000-pings", 4429, frame(b"x", PING) * 1_000),
    case(15, "1000-pongs", 4429, frame(b"x", PONG) * 1_000),
    case(15, "1000-empty-fragments", 4429, frame(fin=False) + frame(b"", 0, fin=False) * 1_000),
    case(35, "code-65535", 1002, frame(b"\xff\xff", CLOSE)),
    case(35, "code-999", 1002, frame(b"\x03\xe7", CLOSE)),
    case(35, "code-1005", 1002, frame(b"\x03\xed", CLOSE)),
    case(35, "code-1006", 1002, frame(b"\x03\xee", CLOSE)),
    case(35, "half-a-code", 1002, frame(b"\x03", CLOSE)),
    case(35, "reason-of-200", 1002, frame(b"\x03\xe8" + b"x" * 200, CLOSE)),
    case(35, "4401-from-a-client", 4401, frame(b"\x11\x31", CLOSE)),
    case(35, "frame-after-close", 1000, frame(b"\x03\xe8", CLOSE) + frame(PING_COMMAND)),
    case(35, "close-twice", 1000, frame(b"\x03\xe8", CLOSE) * 2),
    case(35, "no-code", 0, frame(b"", CLOSE)),
]


@pytest.mark.parametrize(("code", "data"), ENDS)
def test_what_ends_a_socket(scene: Scene, code: int, data: bytes) -> None:
    """With one close code, and within a second."""
    with eves(scene) as wire, scene.target.timed(f"{data[:30]!r}", WITHIN_S):
        wire.send(data)
        assert wire.close_code() == code


GOES_ON = [
    case(12, "limit-less-one", frame(padded(FRAME_BYTES - 1))),
    case(12, "limit", frame(padded(FRAME_BYTES))),
    case(12, "limit-in-two", frame(padded(60_000)[:40_000], fin=False)
         + frame(padded(60_000)[40_000:], 0)),
    case(13, "one-byte-fragments", frame(b"{", fin=False) + b"".join(
        frame(bytes([byte]), 0, fin=False) for byte in PING_COMMAND[1:-1]) + frame(b"}", 0)),
    case(14, "ping-between-fragments", frame(b'{"type":', fin=False) + frame(b"x", PING)
         + frame(b'"ping","id":"7"}', 0)),
    case(14, "masked-at-random", masked_randomly(PING_COMMAND)),
    case(15, "pings-in-measure", frame(b"x" * 125, PING) * (MAX_IDLE_PER_S // 2)
         + frame(PING_COMMAND)),
    case(15, "pong-nobody-asked-for", frame(b"x", PONG) + frame(PING_COMMAND)),
]  # fmt: skip


@pytest.mark.parametrize("data", GOES_ON)
def test_what_does_not(scene: Scene, data: bytes) -> None:
    with eves(scene) as wire, scene.target.timed(f"{data[:30]!r}", WITHIN_S):
        wire.send(data)
        assert wire.answer() == {"type": "ack", "id": "7"}


# --- memory (12, 13) ------------------------------------------------------------------------


def memory(scene: Scene) -> int:
    """Returns what the web worker holds, in bytes."""
    pages = Path(f"/proc/{scene.target.up.parts()['web']}/statm").read_text().split()[1]
    return int(pages) * 4_096


FLOODS = [
    case(13, "one-byte-fragments",
         frame(b"x", fin=False) + frame(b"x", 0, fin=False) * 100_000),
    case(12, "16-mebibytes", frame(b"x" * 16 * 1024 * 1024)),
]  # fmt: skip


@pytest.mark.parametrize("data", FLOODS)
def test_floods_fill_no_memory(scene: Scene, data: bytes) -> None:
    """100,000 fragments that never end a message are refused when they exceed the size of one;
    however often they come, nothing adds up."""
    for _ in range(3):
        flood(scene, data)  # what is allocated once
    before = memory(scene)
    for _ in range(
        10
    ):  # a mebibyte each stayed while a parser and its error referred to each other
        flood(scene, data)
    assert memory(scene) - before < GROWTH_BYTES


def flood(scene: Scene, data: bytes) -> None:
    with eves(scene) as wire, scene.target.timed(f"flood {data[:10]!r}", 3 * WITHIN_S):
        wire.send(data)
        assert wire.close_code() in {1009, 0}  # the close frame may be lost in what was not read


def test_13_fragments_below_the_limit_are_one_buffer(scene: Scene) -> None:
    """60,000 bytes take 60 kB, not 2.5 MB, however they come."""
    before, wires = memory(scene), [eves(scene) for _ in range(6)]
    for wire in wires:
        wire.send(frame(b"x", fin=False) + frame(b"x", 0, fin=False) * 60_000 + frame(b"x", PING))
        assert wire.hear(PONG) == b"x"
    assert memory(scene) - before < GROWTH_BYTES
    for wire in wires:
        with wire:
            wire.send(frame(b"", CLOSE))


# --- handshakes (16-18, 36-38) --------------------------------------------------------------


def test_16_compression_is_not_negotiated(scene: Scene) -> None:
    """So nothing unpacks to gigabytes: a compressed frame is a protocol error."""
    offer = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    with eves(scene, offer) as wire:
        assert b"permessage-deflate" not in wire.head
        wire.send(frame(b"\xaa\x56\x2a\xa9\x2c\x48\x55\xb2\x52", rsv=4))
        assert wire.close_code() == 1002


NOBODY = [
    case(17, "nothing", b""),
    case(17, "no-cookie", b"Cookie: a=b\r\n"),
    case(17, "bad-cookie", b"Origin: http://{host}\r\nCookie: sessionid=" + b"a" * 32 + b"\r\n"),
    case(17, "basic", b"Authorization: Basic YTpi\r\n"),
    case(17, "empty-bearer", b"Authorization: Bearer \r\n"),
]


@pytest.mark.parametrize("extra", NOBODY)
def test_who_shows_nothing_is_closed_at_once(scene: Scene, extra: bytes) -> None:
    extra = extra.replace(b"{host}", scene.target.host.encode())
    with Wire(scene.target, extra) as wire, scene.target.timed("no credentials", WITHIN_S):
        assert wire.close_code() == 4401


@pytest.mark.parametrize("data", [case(18, "ping", frame(PING_COMMAND)),
                                  case(18, "auth", frame(b'{"type":"auth","token":"x"}')),
                                  case(18, "nonsense", frame(b"{{") * 30)])  # fmt: skip
def test_frames_of_nobody_get_no_answer(scene: Scene, data: bytes) -> None:
    """There is no command for signing in: it is done in the handshake."""
    with Wire(scene.target) as wire, scene.target.timed("frames of nobody", WITHIN_S):
        wire.send(data)
        kind, payload = wire.next()
        assert (kind, int.from_bytes(payload[:2], "big")) == (CLOSE, 4401)


def test_17_a_handshake_byte_by_byte_is_hung_up_on(scene: Scene) -> None:
    """The same goes for handshakes that stop in the middle, or never begin. They began with the
    scene; some may have had to make room for others since."""
    assert max(scene.slow.seconds()) < settings.HEAD_WITHIN_S + 2


ORIGINS = [
    case(36, "missing", None, 4403),
    case(36, "null", "null", 4403),
    case(36, "evil", "https://evil.example", 4403),
    case(36, "subdomain", "http://evil.{host}", 4403),
    case(36, "suffix", "http://{host}.evil.example", 4403),
    case(36, "suffix-of-the-port", "http://{host}0", 4403),
    case(36, "other-port", "http://127.0.0.1:1", 4403),
    case(36, "no-port", "http://127.0.0.1", 4403),
    case(36, "other-scheme", "https://{host}", 4403),
    case(36, "user", "http://{host}@evil.example", 4403),
    case(36, "path", "http://{host}/", 4403),
    case(36, "upper-case", "HTTP://{host}", 4403),
    case(36, "two", "http://{host}, http://evil.example", 4403),
    case(36, "empty", "", 4403),
    case(36, "file", "file://", 4403),
]


@pytest.mark.parametrize(("origin", "code"), ORIGINS)
def test_pages_of_other_sites(scene: Scene, cookie: bytes, origin: str | None, code: int) -> None:
    """They carry a browser's cookie, and gain nothing by it."""
    extra = cookie
    if origin is not None:
        extra += b"Origin: " + origin.format(host=scene.target.host).encode() + b"\r\n"
    with Wire(scene.target, extra) as wire, scene.target.timed("origin", WITHIN_S):
        kind, payload = wire.next()
        assert (kind, int.from_bytes(payload[:2], "big")) == (CLOSE, code)


def test_36_our_own_page(scene: Scene, cookie: bytes) -> None:
    own = f"Origin: http://{scene.target.host}\r\n".encode()
    with Wire(scene.target, cookie + own) as wire:
        assert json.loads(wire.hear(TEXT))["type"] == "ready"


@pytest.fixture(scope="module")
def cookie(scene: Scene) -> bytes:
    """Eve's browser is signed in."""
    scene.changes()
    with scene.target.browser() as visitor:
        visitor.form("/accounts/login/", account=scene.eve.account, password=PASSWORD)
        visitor.get("/chat/")
        key = visitor.cookies["sessionid"]
    scene.target.secrets.add(key)
    return f"Cookie: sessionid={key}\r\n".encode()


PATHS = [b"/ws/../admin/", b"/ws", b"/ws/x", b"/ws//", b"//ws/", b"/WS/", b"/", b"/admin/",
         b"/api/v1/users/me/", b"/ws/%00", b"/ws/%2e%2e/", b"/%ff", b"/ws/%c0%af",
         b"/" + b"a" * 8_000, b"/ws;x", b"/ws/\\", b"/static/../ws/"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"37-{path[:20].decode()}")
def test_other_paths(scene: Scene, path: bytes) -> None:
    """Refused before there is a socket, even for a signed-in user."""
    with Wire(scene.target, bearer(scene.eve.access), path=path) as wire:
        assert wire.head.split()[1] in {b"403", b"404"}


QUERIES = [b"?token=x", b"?access_token=x", b"?ticket=", b"?ticket=x", b"?ticket=" + b"x" * 8_000,
           b"?ticket=%00", b"?ticket=%ff", b"?ticket[$ne]=x", b"?ticket=x&ticket=y"]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"66-{query[:20].decode()}")
def test_tickets_that_are_none(scene: Scene, query: bytes) -> None:
    with Wire(scene.target, path=b"/ws/" + query) as wire:
        assert wire.close_code() == 4401


PROTOCOLS = [
    case(38, "unknown", b"chat", 101),
    case(38, "a-hundred", b", ".join(b"p%d" % number for number in range(100)), 101),
    case(38, "other-version", b"im.v2, im.v1.evil", 101),
    case(38, "ours-among-others", b"x, im.v1", 101),
    case(38, "empty", b"", 400),
    case(38, "commas", b", , ,", 400),
    case(38, "not-a-token", b"a b", 400),
    case(38, "html", b"<script>", 400),
    case(38, "latin-1", b"\xe4", 400),
    case(38, "9-kilobytes", b"a" * 9_000, 431),
    case(38, "64-kilobytes", b"a" * 65_536, 431),
]


@pytest.mark.parametrize(("value", "status"), PROTOCOLS)
def test_subprotocols(scene: Scene, value: bytes, status: int) -> None:
    """Our subprotocol is chosen when it is offered; otherwise none is, and the client decides."""
    extra = b"Sec-WebSocket-Protocol: " + value + b"\r\n"
    bare = bearer(scene.eve.access).split(b"\r\n", 1)[1]
    with Wire(scene.target, bare + extra) as wire, scene.target.timed("subprotocol", WITHIN_S):
        assert wire.head.split()[1] == str(status).encode()
        assert (b"im.v1" in wire.head) == (value == b"x, im.v1")


BROKEN = [
    case(38, "version-12", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 12"),
    case(38, "version-none", b"Sec-WebSocket-Version: 13", b"X: y"),
    case(38, "key-short", b"dGhlIHNhbXBsZSBub25jZQ==", b"eA=="),
    case(38, "key-none", b"Sec-WebSocket-Key", b"X-Key"),
    case(38, "key-no-base64", b"dGhlIHNhbXBsZSBub25jZQ==", b"<>"),
    case(38, "post", b"GET", b"POST"),
    case(38, "200-headers", b"Upgrade", b"X: y\r\n" * 200 + b"Upgrade"),
]


@pytest.mark.parametrize(("old", "new"), BROKEN)
def test_handshakes_that_are_none(scene: Scene, old: bytes, new: bytes) -> None:
    with Wire(scene.target, bearer(scene.eve.access), change=(old, new)) as wire:
        assert wire.head.split()[1] in {b"400", b"404", b"405", b"426", b"431"}
        assert b"Python" not in wire.head
