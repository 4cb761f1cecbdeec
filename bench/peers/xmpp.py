"""A minimal XMPP client over WebSocket (RFC 7395), enough to load a server.

SASL PLAIN, resource binding, presence, joining a room (XEP-0045), chat and groupchat messages.
Frames are read with patterns, not with an XML parser: the load generator must stay cheap, and the
only text that matters in them is our own.
"""

import asyncio
import base64
import re

from bench import BenchError
from bench.clients import READY_WITHIN_S, Client, Tally, open_socket
from bench.peers.base import Seat
from bench.workloads import TEXT

DOMAIN = "localhost"
ROOMS = f"conference.{DOMAIN}"
PASSWORD = "bench"

_body = re.compile(rb"<body[^>]*>(\d+)\.(\d+) ").search
_is_error = re.compile(rb"""^<\w+[^>]*\stype=['"]error['"]""").match
_OPEN = f'<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="{DOMAIN}" version="1.0"/>'
_BIND = (
    '<iq xmlns="jabber:client" type="set" id="bind">'
    '<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><resource>bench</resource></bind></iq>'
)
_PRESENCE = '<presence xmlns="jabber:client"/>'


def address(number: int) -> str:
    """The bare address of user `number`."""
    return f"u{number}@{DOMAIN}"


class XmppClient(Client):
    """`seat.to` is a room's or a person's bare address."""

    # The sender of a chat message hears nothing of it; that of a groupchat message gets it back.
    echoes_pairs = False

    def __init__(self, seat: Seat, index: int, tally: Tally) -> None:
        super().__init__(index, tally)
        self.user = seat.who.partition("@")[0]
        kind = "chat" if tally.pairs else "groupchat"
        self.start = f'<message xmlns="jabber:client" type="{kind}" to="{seat.to}" id="'
        self.heard: asyncio.Queue[bytes] | None = asyncio.Queue()

    def post(self, number: int) -> None:
        name = f"{self.index}.{number}"
        self.write(f'{self.start}{name}"><body>{name} {TEXT}</body></message>'.encode())

    def on_text(self, payload: bytes) -> None:
        found = _body(payload)
        if _is_error(payload):
            self.tally.fault(f"error: {payload[-200:].decode(errors='replace')}")
        elif found and self.heard is None:
            self.delivered(int(found[1]), int(found[2]))
        elif self.heard is not None:
            self.heard.put_nowait(payload)

    async def expect(self, what: bytes) -> None:
        """Waits for a frame with `what` in it. Raises BenchError when none comes."""
        assert self.heard is not None
        frame = b"nothing"
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while what not in frame:
                    frame = await self.heard.get()
                    if b"<failure" in frame:
                        break
        except TimeoutError:
            pass
        if what not in frame:
            raise BenchError(f"XMPP: no {what.decode()} for {self.user}; last: {frame[:200]!r}")

    async def sign_in(self) -> None:
        """From the open socket to available presence."""
        self.write(_OPEN.encode())
        await self.expect(b"PLAIN")
        secret = base64.b64encode(f"\0{self.user}\0{PASSWORD}".encode()).decode()
        auth = '<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">'
        self.write(f"{auth}{secret}</auth>".encode())
        await self.expect(b"<success")
        self.write(_OPEN.encode())
        await self.expect(b"xmpp-bind")
        self.write(_BIND.encode())
        await self.expect(b"<jid>")
        self.write(_PRESENCE.encode())
        # The server answers a client's own presence with the same (RFC 6121, 4.2.2).
        await self.expect(b"<presence")

    async def join(self, room: str) -> None:
        """Enters a room, without its history. The subject is the last a server sends of it."""
        self.write(
            f'<presence xmlns="jabber:client" to="{room}/{self.user}">'
            '<x xmlns="http://jabber.org/protocol/muc"><history maxstanzas="0"/></x>'
            "</presence>".encode()
        )
        await self.expect(b"<subject")


async def connect(client: Client, seat: Seat, url: str) -> None:
    """Signs the client in and, in a room, joins it."""
    assert isinstance(client, XmppClient)
    await open_socket(client, url, {"Sec-WebSocket-Protocol": "xmpp"})
    await client.sign_in()
    if not client.tally.pairs:
        await client.join(seat.to)
    client.heard = None


def room_seats(name: str, size: int) -> list[Seat]:
    return [Seat(address(number), f"{name}@{ROOMS}") for number in range(size)]


def pair_seats(count: int) -> list[Seat]:
    return [Seat(address(number), address(number ^ 1)) for number in range(2 * count)]
