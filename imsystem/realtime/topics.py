"""Topics name the live sockets that an event is for. They are built and parsed here only.

On the wire a topic is a string, `<scope>:<identity>`; the type checker tells it from other strings.
"""

from enum import StrEnum
from typing import NewType

Topic = NewType("Topic", str)

EVERYTHING = Topic("*")


class Scope(StrEnum):
    """What an identity in a topic stands for."""

    ROOM = "room"
    USER = "user"
    SESSION = "session"
    PROFILE = "profile"  # what others are shown of a user, except for the privacy settings


def room_topic(identity: str) -> Topic:
    return Topic(f"room:{identity}")


def user_topic(identity: str) -> Topic:
    return Topic(f"user:{identity}")


def session_topic(identity: str) -> Topic:
    return Topic(f"session:{identity}")


def profile_topic(identity: str) -> Topic:
    return Topic(f"profile:{identity}")


def identity_in(topic: Topic, scope: Scope) -> str | None:
    """Returns the identity in a topic of this scope, and None for other topics."""
    prefix, _colon, identity = topic.partition(":")
    return identity if prefix == scope else None
