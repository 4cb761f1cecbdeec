"""How the clients of the peers read frames, taken from real servers."""

import msgspec
import pytest

from bench.clients import Client, Tally
from bench.peers import xmpp
from bench.peers.base import Seat
from bench.peers.channels import ChannelsClient
from bench.peers.limit import LimitClient
from bench.system import ImClient
from bench.workloads import TEXT

PROSODY = (
    "<message xmlns='jabber:client' type='groupchat' from='r@conference.localhost/u0' id='0.0' "
    "to='u1@localhost/bench'><stanza-id xmlns='urn:xmpp:sid:0' id='x' by='r'/>"
    f"<body>0.0 {TEXT}</body></message>"
)
EJABBERD = (
    '<message xml:lang="en" to="u1@localhost/bench" from="r@conference.localhost/u0" '
    'type="groupchat" id="0.0" xmlns="jabber:client"><archived by="r" id="1" '
    f'xmlns="urn:xmpp:mam:tmp"/><body>0.0 {TEXT}</body></message>'
)
REFUSED = (
    "<message xmlns='jabber:client' type='error' id='0.0'>"
    f"<body>0.0 {TEXT}</body><error type='cancel'/></message>"
)
MESSAGE = {"identity": "a" * 24, "seq": 7, "client_id": "0.0", "data": f"0.0 {TEXT}"}
CREATED = msgspec.json.encode({"type": "message.created", "message": MESSAGE})
ACK = msgspec.json.encode({"type": "ack", "id": "0.0", "message": MESSAGE, "duplicate": False})


def receiver(kind: type[Client], tally: Tally) -> Client:
    takes_seat = issubclass(kind, xmpp.XmppClient | ImClient)
    client = kind(*[Seat("u0@localhost", "r")] * takes_seat, 0, tally)
    client.due.append(0.0)
    client.missing[0] = 1
    tally.clients = [client]
    if isinstance(client, xmpp.XmppClient):
        client.heard = None  # signed in
    return client


@pytest.mark.parametrize(
    ("kind", "frame"),
    [
        (xmpp.XmppClient, PROSODY.encode()),
        (xmpp.XmppClient, EJABBERD.encode()),
        (ChannelsClient, msgspec.json.encode({"message": f"0.0 {TEXT}"})),
        (LimitClient, f"0.0 {TEXT}".encode()),
        (ImClient, CREATED),
    ],
)
def test_a_message_is_one_delivery(kind: type[Client], frame: bytes) -> None:
    tally = Tally()
    receiver(kind, tally).on_text(frame)
    assert (tally.deliveries, tally.confirmations, dict(tally.faults)) == (1, 0, {})


def test_an_ack_is_no_delivery() -> None:
    tally = Tally()
    receiver(ImClient, tally).on_text(ACK)
    assert (tally.deliveries, tally.confirmations, dict(tally.faults)) == (0, 1, {})


def test_what_a_server_sends_back_as_refused_is_a_fault_and_no_delivery() -> None:
    tally = Tally()
    receiver(xmpp.XmppClient, tally).on_text(REFUSED.encode())
    assert tally.deliveries == 0
    assert len(tally.faults) == 1


def test_pairs_are_two_by_two() -> None:
    assert xmpp.pair_seats(2) == [
        Seat("u0@localhost", "u1@localhost"),
        Seat("u1@localhost", "u0@localhost"),
        Seat("u2@localhost", "u3@localhost"),
        Seat("u3@localhost", "u2@localhost"),
    ]


def test_a_gap_in_the_order_of_a_room_is_a_fault() -> None:
    tally = Tally()
    client = receiver(ImClient, tally)
    client.due += [0.0]
    client.on_text(CREATED)
    later = {"seq": 9, "client_id": "0.1"}
    client.on_text(msgspec.json.encode({"type": "message.created", "message": later}))
    assert dict(tally.faults) == {"not the next seq": 1}
