"""What accounts need to know and only the apps above know: who talks with whom, who is online.

`rooms` and `chat` provide it at start-up (their apps.py): imports go one way only.
"""

from collections.abc import Sequence
from typing import Protocol

from imsystem.loops import run_on_loop
from imsystem.realtime.topics import Topic


class ContactSource(Protocol):
    def __call__(self, user_identity: str, others: Sequence[str]) -> set[str]: ...


class PresenceSource(Protocol):
    async def __call__(self, user_identities: Sequence[str]) -> set[str]: ...


class TopicSource(Protocol):
    def __call__(self, user_identity: str) -> Sequence[Topic]: ...


_contacts: ContactSource | None = None
_presence: PresenceSource | None = None
_topics: TopicSource | None = None


def provide_contacts(source: ContactSource) -> None:
    """Registers the function that knows direct conversations. Called once, at start-up."""
    global _contacts
    _contacts = source


def provide_presence(source: PresenceSource) -> None:
    """Registers the function that knows who is online. Called once, at start-up."""
    global _presence
    _presence = source


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


async def online_among(user_identities: Sequence[str]) -> set[str]:
    """Returns those of the users who are online, regardless of who may know it."""
    if _presence is None:
        raise RuntimeError("no app provides presence")
    return await _presence(user_identities) if user_identities else set()


def online_from_thread(user_identities: Sequence[str]) -> set[str]:
    """The same for synchronous callers."""
    return run_on_loop(online_among(user_identities)) if user_identities else set()
