"""What accounts need to know and only the apps above know: who talks with whom, and where.

`rooms` provides it at start-up (its apps.py): imports go one way only.
"""

from collections.abc import Sequence
from typing import Protocol

from imsystem.realtime.topics import Topic


class ContactSource(Protocol):
    def __call__(self, user_identity: str, others: Sequence[str]) -> set[str]: ...


class TopicSource(Protocol):
    def __call__(self, user_identity: str) -> Sequence[Topic]: ...


_contacts: ContactSource | None = None
_topics: TopicSource | None = None


def provide_contacts(source: ContactSource) -> None:
    """Registers the function that knows direct conversations. Called once, at start-up."""
    global _contacts
    _contacts = source


def provide_topics(source: TopicSource) -> None:
    """Registers the function that knows where a user is shown. Called once, at start-up."""
    global _topics
    _topics = source


def topics_of(user_identity: str) -> Sequence[Topic]:
    """Returns the topics of everybody who is shown the user's name and picture."""
    return _topics(user_identity) if _topics is not None else ()


def contacts_among(user_identity: str, others: Sequence[str]) -> set[str]:
    """Returns those of `others` who have a conversation with the user."""
    if _contacts is None:
        raise RuntimeError("no app provides contacts")
    return _contacts(user_identity, others) if others else set()
