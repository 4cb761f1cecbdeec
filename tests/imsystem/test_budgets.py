"""What one user may make a process read, over all doors: whoever has had enough waits."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chat import selectors as messages
from chat.catch_up import changes_since
from chat.services import mark_read
from imsystem import budgets
from imsystem.budgets import Budget, reads
from imsystem.env import Rate
from imsystem.errors import RateLimited
from imsystem.threads import run_in_thread
from rooms import selectors as rooms
from tests.api import Api
from tests.conftest import Cast
from tests.sockets import communicator_of, token_of


class TestBudget:
    @pytest.fixture(autouse=True)
    def _clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(budgets.time, "monotonic", lambda: self.now)

    def is_refused(self, budget: Budget, user: str = "alice") -> int:
        try:
            budget.check(user)
        except RateLimited as exc:
            return exc.retry_after
        return 0

    def test_who_has_some_left_may_begin_what_takes_more(self) -> None:
        budget = Budget(Rate(60, 60))
        budget.spend("alice", 59)
        assert self.is_refused(budget) == 0
        budget.spend("alice", 41)
        assert self.is_refused(budget) == 41

    def test_it_comes_back_with_time(self) -> None:
        budget = Budget(Rate(60, 60))
        budget.spend("alice", 100)
        self.now += 40.5
        assert self.is_refused(budget) == 1
        self.now += 1
        assert self.is_refused(budget) == 0

    def test_everybody_has_their_own(self) -> None:
        budget = Budget(Rate(60, 60))
        budget.spend("alice", 100)
        assert self.is_refused(budget, "bob") == 0

    def test_without_a_limit(self) -> None:
        budget = Budget(Rate(0, 1))
        budget.spend("alice", 1e9)
        assert self.is_refused(budget) == 0


@pytest.fixture
def poor(settings: Any, cast: Cast) -> Iterator[Cast]:
    """The owner has nothing left, on any device."""
    settings.READS_PER_USER = Rate(61, 60)
    reads().spend(cast.owner.identity, 1_000)
    yield cast
    budgets._reads.clear()


DOORS: dict[str, Callable[[Cast], Any]] = {
    "rooms": lambda cast: run_in_thread(rooms.room_list, cast.owner),
    "members": lambda cast: run_in_thread(rooms.member_list, cast.owner, cast.room.pk),
    "history": lambda cast: messages.history(
        user_identity=cast.owner.pk, room_identity=cast.room.pk
    ),
    "sync": lambda cast: changes_since(user_identity=cast.owner.pk, known={cast.room.pk: (0, 0)}),
    "read": lambda cast: mark_read(user_identity=cast.owner.pk, room_identity=cast.room.pk, seq=1),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
async def test_nothing_left_is_nothing_at_every_door(
    poor: Cast, door: Callable[[Cast], Any]
) -> None:
    with pytest.raises(RateLimited) as refused:
        await door(poor)
    assert refused.value.retry_after > 60


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
async def test_every_door_takes_from_the_budget(
    settings: Any, cast: Cast, door: Callable[[Cast], Any]
) -> None:
    settings.READS_PER_USER = Rate(1, 100_000)
    try:
        await door(cast)
        with pytest.raises(RateLimited):
            reads().check(cast.owner.identity)
        reads().check(cast.member.identity)
    finally:
        budgets._reads.clear()


async def test_a_request_is_told_when_to_come_again(poor: Cast) -> None:
    answer = await run_in_thread(lambda: Api(poor.owner).get("rooms/"))
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert int(answer["Retry-After"]) > 60


async def test_a_new_socket_is_told_too(poor: Cast) -> None:
    """Its first frame lists all rooms."""
    communicator = communicator_of(await run_in_thread(token_of, poor.owner))
    assert (await communicator.connect(timeout=5))[0]
    refused = json.loads(await communicator.receive_from(5))
    assert (refused["type"], refused["code"]) == ("error", "rate_limited")
    assert refused["retry_after"] > 60
    assert await communicator.receive_output(5) == {"type": "websocket.close", "code": 4429}
    await communicator.wait()
