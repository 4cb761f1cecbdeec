"""Shared by tests of presence: two users who talk to each other."""

import pytest

from accounts.models import User
from chat import inbox
from chat.presence import current_presence
from imsystem.threads import run_in_thread
from rooms import services
from tests.conftest import new_user


@pytest.fixture(autouse=True)
async def _on_time() -> None:
    """Other tests have moved this process's clock into the future."""
    current_presence()._renew_at = 0.0


@pytest.fixture
async def alice() -> User:
    return await run_in_thread(new_user, "alice")


@pytest.fixture
async def bob() -> User:
    return await run_in_thread(new_user, "bob")


@pytest.fixture
async def room(alice: User, bob: User) -> str:
    """The conversation of the two users."""
    made, _created = await run_in_thread(
        services.open_direct, inbox=inbox, user=alice, peer_identity=bob.pk
    )
    return made.pk
