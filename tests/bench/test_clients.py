"""The account of every message: what counts as delivered, lost, doubled, complete."""

import pytest

from bench.clients import Client, Tally
from bench.loads import check


class Silent(Client):
    """Its messages go nowhere; the test says what arrives."""

    def post(self, number: int) -> None:
        pass


class Acked(Silent):
    confirms = True


class Unheard(Silent):
    echoes_pairs = False


def cast(kind: type[Client], count: int, *, pairs: bool = False) -> Tally:
    tally = Tally(pairs=pairs)
    tally.clients = [kind(index, tally) for index in range(count)]
    return tally


def test_each_message_once_for_each_member() -> None:
    tally = cast(Silent, 3)
    for _message in range(2):
        tally.clients[0].send(0.0)
    for client in tally.clients:
        client.delivered(0, 0)
        client.delivered(0, 1)
    check(tally, 3)
    assert (tally.sent, tally.deliveries, dict(tally.faults)) == (2, 6, {})


@pytest.mark.parametrize(
    ("arrive", "faults"),
    [
        ([0], {"deliveries lost": 1}),
        ([1], {"deliveries lost": 1, "not the next message of its sender": 1}),
        ([0, 0, 1], {"deliveries too many": 1, "not the next message of its sender": 1}),
        ([1, 0], {"not the next message of its sender": 2}),
    ],
)
def test_lost_doubled_and_out_of_order(arrive: list[int], faults: dict[str, int]) -> None:
    tally = cast(Silent, 1)
    for _message in range(2):
        tally.clients[0].send(0.0)
    for number in arrive:
        tally.clients[0].delivered(0, number)
    check(tally, 1)
    assert dict(tally.faults) == faults


def test_senders_are_counted_apart() -> None:
    tally = cast(Silent, 2)
    for client in tally.clients:
        client.send(0.0)
    for receiver in tally.clients:
        receiver.delivered(1, 0)
        receiver.delivered(0, 0)
    assert dict(tally.faults) == {}


def test_a_message_without_ack_is_a_fault_where_the_protocol_has_acks() -> None:
    tally = cast(Acked, 1)
    tally.clients[0].send(0.0)
    tally.clients[0].delivered(0, 0)
    check(tally, 1)
    assert dict(tally.faults) == {"not acknowledged": 1}


def test_in_a_room_a_message_is_complete_when_its_sender_has_it() -> None:
    for kind in (Silent, Acked, Unheard):
        tally = cast(kind, 2)
        sender, other = tally.clients
        sender.send(0.0)
        other.delivered(0, 0)
        assert sender.missing == {0: 1}
        sender.delivered(0, 0)
        assert sender.missing == {}
        assert len(tally.confirm_s) == 1


@pytest.mark.parametrize(
    ("kind", "signs", "complete", "knows"),
    [
        (Acked, ["ack"], False, True),
        (Acked, ["ack", "echo"], False, True),
        (Acked, ["echo", "arrived"], False, False),
        (Acked, ["arrived", "ack"], True, True),
        (Silent, ["echo"], False, True),
        (Silent, ["arrived"], False, False),
        (Silent, ["arrived", "echo"], True, True),
        (Unheard, ["arrived"], True, True),
    ],
)
def test_in_a_pair_it_must_have_arrived_and_its_sender_must_know(
    kind: type[Client], signs: list[str], complete: bool, knows: bool
) -> None:
    tally = cast(kind, 2, pairs=True)
    sender, other = tally.clients
    sender.send(0.0)
    for sign in signs:
        if sign == "ack":
            sender.confirmed(0)
        else:
            (sender if sign == "echo" else other).delivered(0, 0)
    assert (not sender.missing, bool(tally.confirm_s)) == (complete, knows)


def test_after_the_warm_up_numbers_go_on() -> None:
    tally = cast(Silent, 1)
    tally.clients[0].send(0.0)
    tally.clients[0].delivered(0, 0)
    tally.reset()
    tally.clients[0].send(0.0)
    tally.clients[0].delivered(0, 1)
    check(tally, 1)
    assert (tally.sent, tally.deliveries, dict(tally.faults)) == (1, 1, {})


def test_in_a_room_an_ack_does_not_complete_a_message() -> None:
    tally = cast(Acked, 1)
    tally.clients[0].send(0.0)
    tally.clients[0].confirmed(0)
    assert tally.clients[0].missing == {0: 1}
