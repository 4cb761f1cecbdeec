"""What processes tell each other about live sockets.

Each event names the sockets it is for by a topic. Events are hints: a lost one shows as a gap in
seq or revision, or the sweep finds what it was about (chat/sweep.py).
"""

import msgspec

from imsystem.realtime.topics import Topic


class Deliver(msgspec.Struct, frozen=True, array_like=True, tag="deliver"):
    """Send `frame`, an encoded JSON text frame, to every socket of `topic`.

    `seq` and `revision` are those of the message inside, and 0 for other frames. New messages have
    revision 0 and are delivered in order of seq. The sockets of `skip_user` get nothing. Sockets
    may decline a `category` of events (Connection.declines); they get `fallback` instead, unless
    it is empty.
    """

    topic: Topic
    frame: str
    seq: int = 0
    revision: int = 0
    skip_user: str = ""
    category: str = ""
    fallback: str = ""


class Join(msgspec.Struct, frozen=True, array_like=True, tag="join"):
    """Adds the sockets of topic `who` (a user) to `topic` (a room), which has `seq` messages so
    far. Those up to `floor` are not for them."""

    who: Topic
    topic: Topic
    seq: int = 0
    floor: int = 0


class Part(msgspec.Struct, frozen=True, array_like=True, tag="part"):
    """Takes the sockets of topic `who` out of `topic`."""

    who: Topic
    topic: Topic


class Reveal(msgspec.Struct, frozen=True, array_like=True, tag="reveal"):
    """Lifts the floors of `topic` (a room): all its messages are now for all its sockets."""

    topic: Topic


class Close(msgspec.Struct, frozen=True, array_like=True, tag="close"):
    """Closes every socket of `topic` with `code`."""

    topic: Topic
    code: int


class Changed(msgspec.Struct, frozen=True, array_like=True, tag="changed"):
    """Drops what is cached about `topic` (a room's members and roles, a user's settings).

    The topic EVERYTHING means that events were lost, so no cache that follows them is right.
    """

    topic: Topic


class Beat(msgspec.Struct, frozen=True, array_like=True, tag="beat"):
    """A hub's own pulse. When it comes back, the channel layer works."""


Event = Deliver | Join | Part | Reveal | Close | Changed | Beat

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Event])


def encode(events: list[Event]) -> bytes:
    """Returns the events as bytes for the channel layer."""
    return _encoder.encode(events)


def decode(data: bytes) -> list[Event]:
    """Reverses `encode`. Raises msgspec.MsgspecError for data that is not ours."""
    return _decoder.decode(data)
