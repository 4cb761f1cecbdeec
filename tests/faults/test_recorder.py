"""The recorder can fail: every kind of fault is fed to it, and it finds each."""

from typing import Any

import pytest

from tests.faults.recorder import Counts, DeviceLog, Recorder

ROOM = "room"
ALICE, BOB = "alice's phone", "bob's phone"


def message(seq: int, client_id: str = "", data: str = "") -> dict[str, Any]:
    return {
        "room_identity": ROOM,
        "identity": f"identity of {client_id or seq}",
        "seq": seq,
        "client_id": client_id or f"c{seq}",
        "data": data or f"text {seq}",
    }


class Chat:
    """Three messages, sent by Alice, acknowledged, received by Bob, all as it should be, until a
    test bends it."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.alice: DeviceLog = self.recorder.device(ALICE)
        self.bob: DeviceLog = self.recorder.device(BOB)
        self.history = [message(seq) for seq in (1, 2, 3)]
        self.shown = {ALICE: list(self.history), BOB: list(self.history)}
        for sent in self.history:
            self.say(sent)
            self.bob.received(sent, "event")

    def say(self, sent: dict[str, Any]) -> None:
        self.alice.attempt(ROOM, sent["client_id"], sent["data"])
        self.alice.acked(sent, False)

    def judge(self) -> Counts:
        histories = {ROOM: {"alice": self.history, "bob": self.history}}
        screens = {device: {ROOM: shown} for device, shown in self.shown.items()}
        counts, wrong = self.recorder.judge(histories, screens)
        assert len(wrong) == counts.faults
        return counts


@pytest.fixture
def chat() -> Chat:
    return Chat()


def faults(chat: Chat) -> dict[str, int]:
    counts = chat.judge()
    kinds = ("lost", "doubled", "reordered", "unseen", "phantom")
    return {kind: getattr(counts, kind) for kind in kinds if getattr(counts, kind)}


def test_all_is_well(chat: Chat) -> None:
    assert chat.judge() == Counts(sent=3, acked=3, retried=0, received=3)


def test_a_hole_is_no_fault(chat: Chat) -> None:
    chat.say(message(5))
    for shown in (chat.history, *chat.shown.values()):
        shown.append(message(5))
    assert chat.judge() == Counts(sent=4, acked=4, received=3, holes=1)


def test_a_message_that_was_acked_and_is_gone(chat: Chat) -> None:
    chat.say(message(4))
    assert faults(chat) == {"lost": 1}


def test_a_message_that_was_acked_and_is_another(chat: Chat) -> None:
    chat.say(message(4))
    for shown in (chat.history, *chat.shown.values()):
        shown.append(message(4, data="changed"))
    assert faults(chat) == {"lost": 1, "phantom": 1}


def test_a_message_under_two_numbers(chat: Chat) -> None:
    for shown in (chat.history, *chat.shown.values()):
        shown.append({**message(4, "c3", "text 3"), "identity": "another"})
    assert faults(chat) == {"doubled": 1}


def test_a_message_that_is_acked_twice_and_not_alike(chat: Chat) -> None:
    chat.alice.acked({**message(3), "seq": 4}, True)
    assert faults(chat) == {"doubled": 1}


def test_a_message_that_is_shown_twice(chat: Chat) -> None:
    chat.shown[BOB].insert(0, message(1))
    assert faults(chat) == {"doubled": 1}


def test_messages_shown_in_another_order(chat: Chat) -> None:
    chat.shown[BOB].reverse()
    assert faults(chat) == {"reordered": 2}


def test_a_history_that_goes_back(chat: Chat) -> None:
    chat.history[1:] = [message(3), message(2)]
    chat.shown = {}
    assert faults(chat) == {"reordered": 1}


def test_a_message_below_one_that_was_acked_before_it_was_sent(chat: Chat) -> None:
    """This includes another device: what two people agreed on in words follows the order of the
    numbers."""
    late = message(2, "late", "late")
    chat.history[1] = late
    chat.shown = {}
    chat.recorder.acks = [ack for ack in chat.recorder.acks if ack.seq != 2]
    chat.bob.attempt(ROOM, "late", "late")
    chat.bob.acked(late, False)
    assert faults(chat)["reordered"] == 1


def test_messages_of_one_device_that_overtake_each_other(chat: Chat) -> None:
    first, second = message(5, "first"), message(4, "second")
    for sent in (first, second):
        chat.alice.attempt(ROOM, sent["client_id"], sent["data"])
    for sent in (second, first):
        chat.alice.acked(sent, False)
    for shown in (chat.history, *chat.shown.values()):
        shown.extend([second, first])
    assert faults(chat) == {"reordered": 1}


def test_a_message_somebody_does_not_see(chat: Chat) -> None:
    chat.shown[BOB].pop(1)
    assert faults(chat) == {"unseen": 1}


def test_a_message_that_was_heard_and_never_stored(chat: Chat) -> None:
    chat.bob.received(message(4), "event")
    assert faults(chat) == {"phantom": 1}


def test_a_message_nobody_sent(chat: Chat) -> None:
    for shown in (chat.history, *chat.shown.values()):
        shown.append(message(4))
    assert faults(chat) == {"phantom": 1}


def test_a_message_that_was_not_acked_may_be_there_once(chat: Chat) -> None:
    chat.alice.attempt(ROOM, "c4", "text 4")
    assert faults(chat) == {}
    for shown in (chat.history, *chat.shown.values()):
        shown.append(message(4))
    assert faults(chat) == {}


def test_what_was_sent_again_counts_as_retried(chat: Chat) -> None:
    chat.alice.attempt(ROOM, "c3", "text 3")
    chat.alice.acked(message(3), True)
    assert chat.judge() == Counts(sent=3, acked=3, retried=1, received=3)
