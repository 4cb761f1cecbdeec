"""What processes tell each other about live sockets.

Topics say whom: `room:<identity>`, `user:<identity>`, `session:<identity>`. Events are hints: one
that gets lost shows as a gap in seq or revision, or is found by the sweep (chat/announcer.py).
"""

import msgspec

EVERYTHING = "*"


class Deliver(msgspec.Struct, frozen=True, array_like=True, tag="deliver"):
    """Send `frame` (one encoded JSON text frame) to every socket of `topic`.

    `seq` and `revision` are those of the message inside, 0 for other frames. A new message has
    revision 0: these are delivered in order of seq. `skip_user` gets nothing. `about` is the kind
    of an event that sockets may decline (Connection.declines); these get `instead`, if anything.
    """

    topic: str
    frame: str
    seq: int = 0
    revision: int = 0
    skip_user: str = ""
    about: str = ""
    instead: str = ""


class Join(msgspec.Struct, frozen=True, array_like=True, tag="join"):
    """The sockets of topic `who` (a user) now also belong to `topic` (a room), which has `seq`
    messages so far. Those up to `floor` are not for them."""

    who: str
    topic: str
    seq: int = 0
    floor: int = 0


class Part(msgspec.Struct, frozen=True, array_like=True, tag="part"):
    """The sockets of topic `who` no longer belong to `topic`."""

    who: str
    topic: str


class Reveal(msgspec.Struct, frozen=True, array_like=True, tag="reveal"):
    """All messages of `topic` (a room) are now for all its sockets: no floor holds any more."""

    topic: str


class Close(msgspec.Struct, frozen=True, array_like=True, tag="close"):
    """Close every socket of `topic` with `code`."""

    topic: str
    code: int


class Changed(msgspec.Struct, frozen=True, array_like=True, tag="changed"):
    """Whatever is cached about `topic` (a room's members and roles, a user's settings) is out of
    date.

    EVERYTHING instead of a topic: events were lost, so no cache that follows them is right.
    """

    topic: str


class Beat(msgspec.Struct, frozen=True, array_like=True, tag="beat"):
    """A hub's own pulse through the channel layer: that it comes back shows the layer works."""


Event = Deliver | Join | Part | Reveal | Close | Changed | Beat

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Event])


def encode(events: list[Event]) -> bytes:
    """Events as bytes for the channel layer."""
    return _encoder.encode(events)


def decode(data: bytes) -> list[Event]:
    """The reverse; raises msgspec.MsgspecError for what is not ours."""
    return _decoder.decode(data)


def room_topic(identity: str) -> str:
    return f"room:{identity}"


def user_topic(identity: str) -> str:
    return f"user:{identity}"


def session_topic(identity: str) -> str:
    return f"session:{identity}"
