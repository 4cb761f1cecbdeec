"""What one socket may send: a long frame counts as several."""

from typing import Any

import pytest

from imsystem.client_limits import FRAME_BYTES, MESSAGE_LENGTH
from imsystem.env import Rate
from imsystem.realtime.socket_limits import FRAME_CHARACTERS, SocketLimits


@pytest.fixture
async def limits(settings: Any) -> SocketLimits:
    settings.FRAMES_PER_SOCKET = Rate(32, 320)
    return SocketLimits()


def taken(limits: SocketLimits, length: int) -> int:
    """How many frames of this length are let through at one moment."""
    return next(count for count in range(1_000) if not limits.take_frame(length, 0.0))


@pytest.mark.parametrize(
    ("length", "count"),
    [(0, 32), (FRAME_CHARACTERS - 1, 32), (FRAME_CHARACTERS, 16), (15 * FRAME_CHARACTERS, 2)],
)
def test_a_long_frame_counts_as_several(limits: SocketLimits, length: int, count: int) -> None:
    assert taken(limits, length) == count


def test_they_come_back_with_time(limits: SocketLimits) -> None:
    assert taken(limits, 15 * FRAME_CHARACTERS) == 2
    assert not limits.take_frame(0, 1.0)
    assert limits.take_frame(0, 11.0)


def test_a_long_frame_that_is_refused_counts_as_several_refusals(limits: SocketLimits) -> None:
    for _ in range(2):
        limits.take_frame(FRAME_BYTES - 1, 0.0)
    refused = 0
    while limits.refusals.take(0.0):
        assert not limits.take_frame(FRAME_BYTES - 1, 0.0)
        refused += 1
    assert 60 <= refused <= 70


async def test_the_longest_message_and_a_sync_of_all_rooms_pass(settings: Any) -> None:
    settings.FRAMES_PER_SOCKET = Rate(300, 3)
    limits = SocketLimits()
    assert limits.take_frame(FRAME_BYTES, 0.0)
    assert all(limits.take_frame(MESSAGE_LENGTH, 0.0) for _ in range(100))
