"""What one socket may send in a given time. Counted in memory: asking Redis would cost each message
0.2 ms."""

import math

from django.conf import settings

from imsystem.env import Rate
from imsystem.errors import RateLimited
from imsystem.loops import PerLoop
from imsystem.realtime.admission import in_force
from imsystem.realtime.buckets import Bucket, Buckets

# A client that sends nonsense is not one of ours; one bad frame may be a bug.
MAX_BAD_FRAMES = 20
# A client that waits for `retry_after` is refused a few times. This many in a minute is a flood.
REFUSALS = Rate(1_000, 60)
# A longer frame counts as several: 60 KB are read, decoded and parsed like fifteen usual ones.
FRAME_CHARACTERS = 4_096
# `typing` goes to a whole room. If it is sent more often than this, nobody is told.
TYPING = Rate(10, 10)


def _messages() -> Buckets:
    return Buckets(in_force(settings.MESSAGES_PER_USER))


def _typing() -> Buckets:
    return Buckets(in_force(TYPING))


# For each user, over all the user's sockets in this process.
messages_of_users = PerLoop(_messages)
typing_of_users = PerLoop(_typing)


class SocketLimits:
    """The limits of one socket."""

    __slots__ = ("_bad_frames", "_messages", "_typing", "frames", "refusals")

    def __init__(self) -> None:
        self.frames = Bucket(in_force(settings.FRAMES_PER_SOCKET))
        self.refusals = Bucket(REFUSALS)
        self._messages, self._typing = messages_of_users(), typing_of_users()
        self._bad_frames = 0

    def take_frame(self, length: int, now: float) -> bool:
        """Counts a frame of so many characters. Returns False when there were too many."""
        taken = self.frames.take(now)
        if length >= FRAME_CHARACTERS:
            counted = self.frames if taken else self.refusals
            counted.spend(now, length // FRAME_CHARACTERS)
        return taken

    def take_message(self, user_identity: str, now: float) -> None:
        """Counts a message that is sent, edited or recalled. Raises RateLimited when the user
        sends too many, on this or on another device."""
        wait_s = self._messages.take(user_identity, now)
        if wait_s:
            raise RateLimited(math.ceil(wait_s))

    def take_typing(self, user_identity: str, now: float) -> bool:
        """Counts a `typing`. Returns False when the user has sent too many, on any device."""
        return not self._typing.take(user_identity, now)

    def take_bad_frame(self) -> bool:
        """Counts a frame that is not a command. Returns False when there have been too many."""
        self._bad_frames += 1
        return self._bad_frames < MAX_BAD_FRAMES
