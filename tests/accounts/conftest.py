"""Fixtures: Alice and Bob, who have accounts, and the codes that are mailed to them."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address
from secrets import randbelow

import pytest
import time_machine

from accounts import services
from accounts.codes import Purpose
from accounts.models import User
from imsystem.realtime import hub
from imsystem.realtime.events import Close
from tests.mailbox import delivered_to

PASSWORD = "correct horse battery"


def make_user(name: str, password: str = PASSWORD) -> User:
    return services.create_user(
        account=name, email=f"{name}@example.org", nickname=name.title(), password=password
    )


def mailed_code(email: str, subject: str = r"([0-9]{6}) is your IMSystem code") -> str:
    """The code in the last mail to this address."""
    subjects = [message.subject for message in delivered_to(email)]
    found = re.fullmatch(subject, subjects[-1])
    assert found, subjects
    return found[1]


def new_address() -> str:
    """Returns an IP address that nobody has used before."""
    return str(IPv4Address(0x0A000000 + randbelow(2**24)))


def ask_code(email: str, purpose: Purpose = Purpose.REGISTER) -> str:
    # Returns a source of its own: limits for one source are tested elsewhere.
    services.send_code(email=email, purpose=purpose, ip=new_address())
    return mailed_code(email)


def wrong(code: str) -> str:
    """Returns a code that differs from this one."""
    return f"{(int(code) + 1) % 1_000_000:06}"


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def bob() -> User:
    return make_user("bob")


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Stops the clock at noon, the first millisecond of a minute, until the test moves it."""
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def closed() -> Iterator[list[str]]:
    """Collects the topics whose sockets were told to close."""
    topics: list[str] = []

    @hub.observe(Close)
    def note(event: Close) -> None:
        topics.append(event.topic)

    yield topics
    hub._observers[Close].remove(note)
