"""The hub and its connections: slow, dead and failing sockets, order, and lost packets."""

import asyncio
import gc
import logging
import time
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

from imsystem.realtime import connection as connections
from imsystem.realtime import events as ev
from imsystem.realtime import frames
from imsystem.realtime import hub as hubs
from imsystem.realtime.connection import Connection
from imsystem.realtime.hub import Hub
from imsystem.realtime.wire import text_frame

ROOM = "room:a"


class Peer:
    """The far end of a socket: reads, blocks, or is dead."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self.dead = False
        self.aborted = False
        self.connection = Connection("user", self.send, self.abort)
        self.connection.release("ready")

    async def send(self, message: dict[str, Any]) -> None:
        await self.reading.wait()
        if self.dead:
            raise ConnectionResetError
        self.got.append(message.get("text", message.get("code")))

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub()
    yield hub
    await hub.stop()


def joined(hub: Hub, count: int) -> list[Peer]:
    peers = [Peer() for _ in range(count)]
    for peer in peers:
        hub.add(peer.connection, [ROOM])
    return peers


async def test_a_frame_reaches_every_socket_of_its_topic_at_once(hub: Hub) -> None:
    here, elsewhere = joined(hub, 3), Peer()
    hub.add(elsewhere.connection, ["room:b"])
    hub.apply(ev.Deliver(ROOM, "hi"))
    assert [peer.got for peer in here] == [["ready", "hi"]] * 3
    assert elsewhere.got == ["ready"]


class Wired(Peer):
    """A peer whose server takes ready-made frames, while it has room."""

    def __init__(self) -> None:
        super().__init__()
        self.got.clear()
        self.writes: list[bytes] = []
        self.connection = Connection("user", self.send, self.abort, self.write)
        self.connection.release("ready")

    def write(self, wire: bytes) -> bool:
        if self.reading.is_set():
            self.writes.append(wire)
        return self.reading.is_set()


async def test_messages_that_come_together_leave_in_one_write(hub: Hub) -> None:
    wired, (plain,) = Wired(), joined(hub, 1)
    hub.add(wired.connection, [ROOM])
    hub.apply(ev.Deliver(ROOM, "a", seq=1), ev.Deliver(ROOM, "名", seq=2), ev.Deliver(ROOM, "t"))
    assert wired.writes == [b"\x81\x01a\x81\x03\xe5\x90\x8d", b"\x81\x01t"]
    assert plain.got == ["ready", "a", "名", "t"]


async def test_no_write_is_longer_than_a_server_s_buffer(hub: Hub) -> None:
    wired = Wired()
    hub.add(wired.connection, [ROOM])
    long = "x" * (frames.MAX_WRITE // 3)
    hub.apply(*(ev.Deliver(ROOM, long, seq=seq) for seq in range(1, 8)))
    hub.apply(ev.Deliver(ROOM, "x" * 2 * frames.MAX_WRITE, seq=8))
    one = len(text_frame(long))
    whole = len(text_frame("x" * 2 * frames.MAX_WRITE))
    assert [len(wire) for wire in wired.writes] == [3 * one, 3 * one, one, whole]


async def test_a_server_that_takes_no_more_frames_is_waited_for(hub: Hub) -> None:
    wired = Wired()
    hub.add(wired.connection, [ROOM])
    wired.reading.clear()
    hub.apply(ev.Deliver(ROOM, "1", seq=1), ev.Deliver(ROOM, "2", seq=2))
    hub.apply(ev.Deliver(ROOM, "3", seq=3))
    wired.reading.set()
    hub.apply(ev.Deliver(ROOM, "4", seq=4))  # not before those that wait
    await until(lambda: len(wired.got) == 5)
    hub.apply(ev.Deliver(ROOM, "5", seq=5))
    assert wired.got == ["ready", "1", "2", "3", "4"]
    assert wired.writes == [b"\x81\x015"]


async def test_a_dead_socket_does_not_stop_the_others(hub: Hub) -> None:
    first, dead, last = joined(hub, 3)
    dead.dead = True
    for number in range(3):
        hub.apply(ev.Deliver(ROOM, str(number)))
    assert first.got == last.got == ["ready", "0", "1", "2"]
    assert dead.connection.closing


async def test_a_socket_that_ends_during_a_fan_out_leaves_the_rest_alone(hub: Hub) -> None:
    first, ends, last = joined(hub, 3)

    async def end(message: dict[str, Any]) -> None:
        hub.remove(ends.connection)
        hub.remove(last.connection)

    ends.connection._send = end  # type: ignore[assignment]
    hub.apply(ev.Deliver(ROOM, "hi"))
    assert first.got == ["ready", "hi"]
    assert hub.connections == {first.connection}


async def test_a_slow_socket_delays_nobody_and_gets_everything_in_order(hub: Hub) -> None:
    slow, quick = joined(hub, 2)
    slow.reading.clear()
    for number in range(50):
        hub.apply(ev.Deliver(ROOM, str(number)))
    assert quick.got[-1] == "49"
    assert slow.got == ["ready"]
    slow.reading.set()
    await asyncio.sleep(0.01)
    assert slow.got == ["ready", *map(str, range(50))]
    hub.apply(ev.Deliver(ROOM, "after"))
    assert slow.got[-1] == "after"


async def test_a_socket_too_far_behind_is_cut_with_4413(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CUT_GRACE_S", 0.05)
    slow, quick = joined(hub, 2)
    slow.reading.clear()
    frame = "x" * 100_000
    for _ in range(20):
        hub.apply(ev.Deliver(ROOM, frame))
    assert len(quick.got) == 21
    assert slow.connection._waiting_bytes == 0
    slow.reading.set()
    await asyncio.sleep(0.1)
    assert slow.got == ["ready", frame, 4413]
    assert slow.aborted


async def test_just_below_the_limit_nothing_is_cut(hub: Hub) -> None:
    (slow,) = joined(hub, 1)
    slow.reading.clear()
    frame = "x" * (connections.MAX_WAITING_BYTES // 8)
    for _ in range(9):  # the first is with the server already
        hub.apply(ev.Deliver(ROOM, frame))
    assert not slow.connection.closing
    slow.reading.set()
    await asyncio.sleep(0.01)
    assert slow.got == ["ready", *[frame] * 9]


async def test_small_frames_are_counted_too(hub: Hub) -> None:
    (slow,) = joined(hub, 1)
    slow.reading.clear()
    for _ in range(connections.MAX_WAITING_FRAMES + 1):  # the first is with the server already
        hub.apply(ev.Deliver(ROOM, "typing"))
    assert not slow.connection.closing
    hub.apply(ev.Deliver(ROOM, "typing"))
    assert slow.connection.closing
    slow.reading.set()
    await asyncio.sleep(0.01)
    assert slow.got == ["ready", "typing", 4413]


async def test_letters_are_counted_as_bytes(hub: Hub) -> None:
    (slow,) = joined(hub, 1)
    slow.reading.clear()
    for _ in range(6):  # each 300 kB: one with the server, four wait
        hub.apply(ev.Deliver(ROOM, "名" * 100_000))
    assert slow.connection.closing
    slow.reading.set()
    await asyncio.sleep(0.01)


async def test_one_long_answer_is_no_reason_to_cut(hub: Hub) -> None:
    """A sync may be longer than what else may wait: whoever asks for it must get it."""
    (slow,) = joined(hub, 1)
    slow.reading.clear()
    long = "x" * (2 * connections.MAX_WAITING_BYTES)
    slow.connection.push("first")
    slow.connection.push(long)
    assert not slow.connection.closing
    slow.reading.set()
    await asyncio.sleep(0.01)
    assert slow.got == ["ready", "first", long]


async def test_a_socket_that_has_ended_is_freed_at_once() -> None:
    peer = Peer()
    peer.connection.discard()
    ended = weakref.ref(peer)
    gc.disable()
    try:
        del peer
        assert ended() is None
    finally:
        gc.enable()


async def test_frames_before_ready_wait_for_it() -> None:
    peer = Peer()
    early = Connection("user", peer.send, peer.abort)
    peer.got.clear()
    early.push("event")
    assert peer.got == []
    early.release("ready")
    assert peer.got == ["ready", "event"]


async def test_events_that_skip_a_user(hub: Hub) -> None:
    (peer,) = joined(hub, 1)
    hub.apply(ev.Deliver(ROOM, "typing", skip_user="user"))
    hub.apply(ev.Deliver(ROOM, "typing", skip_user="another"))
    assert peer.got == ["ready", "typing"]


async def test_join_part_and_close_follow_the_user(hub: Hub) -> None:
    peer = Peer()
    hub.add(peer.connection, ["user:u"])
    for event in (
        ev.Deliver(ROOM, "before"),
        ev.Join("user:u", ROOM),
        ev.Deliver(ROOM, "in"),
        ev.Part("user:u", ROOM),
        ev.Deliver(ROOM, "after"),
        ev.Close("user:u", 4401),
        ev.Deliver("user:u", "late"),
    ):
        hub.apply(event)
    assert peer.got == ["ready", "in", 4401]


async def test_new_messages_are_delivered_in_order_of_seq(hub: Hub) -> None:
    (peer,) = joined(hub, 1)
    for seq in (1, 2, 4, 6, 5, 3, 7):
        hub.apply(ev.Deliver(ROOM, str(seq), seq=seq))
    assert peer.got == ["ready", "1", "2", "3", "4", "5", "6", "7"]


async def test_who_came_in_the_middle_gets_what_came_since(hub: Hub) -> None:
    """Messages that are delivered together are not all for a socket with a floor among them."""
    old, new, later = joined(hub, 3)
    hub.subscribe(new.connection, ROOM, 2)
    hub.subscribe(later.connection, ROOM, 4)
    hub.begin(ROOM, 0)
    hub.apply(*(ev.Deliver(ROOM, str(seq), seq=seq) for seq in (1, 2, 3, 4)))
    assert [peer.got[1:] for peer in (old, new, later)] == [["1", "2", "3", "4"], ["3", "4"], []]


async def test_the_first_message_of_a_room_is_waited_for(hub: Hub) -> None:
    (peer,) = joined(hub, 1)
    hub.begin(ROOM, 4)  # the room's messages so far, as the socket was told in `ready`
    for seq in (6, 7, 5):
        hub.apply(ev.Deliver(ROOM, str(seq), seq=seq))
    assert peer.got == ["ready", "5", "6", "7"]


async def test_changes_of_messages_are_not_held(hub: Hub) -> None:
    (peer,) = joined(hub, 1)
    hub.apply(ev.Deliver(ROOM, "5", seq=5))
    hub.apply(ev.Deliver(ROOM, "edit", seq=9, revision=1))
    assert peer.got == ["ready", "5", "edit"]


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


async def test_two_hubs_hear_each_other_but_not_themselves_twice(hub: Hub) -> None:
    other = Hub()
    (here,), (there,) = joined(hub, 1), joined(other, 1)
    await until(lambda: hub.identity in other._heard and other.identity in hub._heard)
    hub.publish(ev.Deliver(ROOM, "hi"))
    assert here.got == ["ready", "hi"]
    await until(lambda: len(there.got) == 2)
    await asyncio.sleep(0.05)
    assert here.got == there.got == ["ready", "hi"]
    await other.stop()


async def test_a_lost_packet_is_noticed_and_asks_for_a_sweep(hub: Hub) -> None:
    other = Hub()
    joined(hub, 1)
    joined(other, 1)
    await until(lambda: hub.identity in other._heard)
    epoch = other.epoch
    hub._sent += 1  # a packet that never arrives
    hub.publish(ev.Deliver(ROOM, "the next one"))
    await until(lambda: other.epoch > epoch)
    assert other.lost.is_set()
    await other.stop()


async def test_a_process_that_stood_still_blames_nobody(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop that slept, a machine that is too busy: nothing was lost, and nobody has gone."""
    for name, seconds in (("BEAT_S", 0.05), ("BEAT_LATE_S", 0.3), ("GONE_S", 0.3)):
        monkeypatch.setattr(hubs, name, seconds)
    other = Hub()
    joined(hub, 1)
    joined(other, 1)
    await until(lambda: hub._beats and other._beats)
    time.sleep(0.5)  # noqa: ASYNC251 - the whole process stands still
    await asyncio.sleep(0.2)
    assert (hub.healthy, hub.epoch, other.healthy, other.epoch) == (True, 0, True, 0)
    await other.stop()


async def test_silence_of_the_layer_is_noticed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("BEAT_S", 0.05), ("BEAT_LATE_S", 0.3)):
        monkeypatch.setattr(hubs, name, seconds)
    monkeypatch.setattr(hub, "_heard_beat", lambda source: None)
    monkeypatch.setattr(hub, "_rejoin", asyncio.Event().wait)  # not in the middle of the end
    joined(hub, 1)
    await until(lambda: not hub.healthy)


async def test_nonsense_from_the_layer_is_logged_and_survived(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    from channels.layers import get_channel_layer

    (peer,) = joined(hub, 1)
    await until(lambda: hub._heard)
    with caplog.at_level(logging.ERROR):
        await get_channel_layer().group_send(hubs.GROUP, {"type": "hub", "events": b"nonsense"})
        await until(lambda: "could not take an event" in caplog.text)
    other = Hub()
    await other.publish_and_flush(ev.Deliver(ROOM, "still here"))
    await until(lambda: peer.got[-1] == "still here")
