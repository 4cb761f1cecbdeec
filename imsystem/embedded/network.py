"""Free ports, the listening socket, and pings without a client library."""

import errno
import secrets
import socket
import struct

from imsystem.embedded import UpError

LOOPBACK = "127.0.0.1"
BACKLOG = 2_048
PING_TIMEOUT_S = 2.0
# Below the range that Linux gives to outgoing connections (32768-60999), so that nobody takes the
# port between our look and the child's bind.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A port on loopback that nothing listens on."""
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port


def listen(host: str, port: int) -> socket.socket:
    """The web socket. It takes connections at once and keeps them until a worker serves.

    Raises UpError when the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()  # every address, so those of IPv4 too
    try:
        return socket.create_server(
            (host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both
        )
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise UpError(
                f"Port {port} is taken. Choose another: --port {port % 65_535 + 1}"
            ) from exc
        reason = str(exc.strerror).partition(" (while")[0]
        raise UpError(f"Cannot listen on {host}, port {port}: {reason}") from exc


def allowed_hosts(host: str) -> list[str]:
    """The names under which a system that listens on `host` is reached without configuration."""
    names = ["localhost", LOOPBACK, "[::1]"]
    if serves_everybody(host) or host in names:
        return names
    return [*names, f"[{host}]" if ":" in host else host]


def serves_everybody(host: str) -> bool:
    """Whether a system that listens on `host` is reached under names that nobody has told it."""
    return host in ("0.0.0.0", "::")  # noqa: S104 -- a comparison


def web_url(host: str, port: int) -> str:
    """The address to open in a browser on this machine."""
    name = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104 -- a key
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def ask(port: int, question: bytes) -> bytes:
    """Sends bytes to a port of this machine and returns the first of the answer; b"" for none."""
    try:
        with socket.create_connection((LOOPBACK, port), PING_TIMEOUT_S) as connection:
            connection.settimeout(PING_TIMEOUT_S)
            connection.sendall(question)
            return connection.recv(4_096)
    except OSError:
        return b""


def redis_answers(port: int) -> bool:
    """True when a Redis server answers PING, if only by asking for the password."""
    return ask(port, b"PING\r\n").startswith((b"+PONG", b"-NOAUTH"))


# The message {ping: 1, $db: "admin"} of MongoDB's wire protocol (OP_MSG, opcode 2013), by hand:
# PyMongo would cost the supervisor 0.5 s of imports at every start.
_BSON = b"\x10ping\0" + struct.pack("<i", 1) + b"\x02$db\0" + struct.pack("<i", 6) + b"admin\0"
_BODY = struct.pack("<IB", 0, 0) + struct.pack("<i", len(_BSON) + 5) + _BSON + b"\0"
_PING = struct.pack("<iiii", len(_BODY) + 16, 1, 0, 2013) + _BODY
_OK = b"\x01ok\0" + struct.pack("<d", 1.0)


def mongodb_answers(port: int) -> bool:
    """True when a MongoDB server answers the ping command with ok: 1."""
    return _OK in ask(port, _PING)
