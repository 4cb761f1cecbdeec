"""What one user may make a process read, over all doors: whoever has had enough waits."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.models import User
from chat import inbox
from chat import selectors as messages
from chat.catch_up import changes_since
from chat.services import mark_read, send_message
from imsystem import budgets
from imsystem.budgets import Budget, reads
from imsystem.env import Rate
from imsystem.errors import RateLimited
from imsystem.ids import new_identity
from imsystem.settings import READS_PER_USER
from imsystem.threads import run_in_thread
from rooms import selectors as rooms
from rooms import services
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
    "rooms": lambda cast: run_in_thread(inbox.room_list, cast.owner),
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


COST = budgets.COMMAND + budgets.NAMED_ROOM
FOREIGN = budgets.COMMAND + budgets.FOREIGN_ROOM


async def spent_by_sync(settings: Any, user: User, known: dict[str, tuple[int, int]]) -> float:
    """The units that one `sync` takes."""
    settings.READS_PER_USER = Rate(100_000, 100_000)
    budgets._reads.clear()
    spent: list[float] = []
    budget = reads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "spend", lambda _user, units: spent.append(units))
        await changes_since(user_identity=user.pk, known=known)
    budgets._reads.clear()
    return sum(spent)


async def test_a_sync_costs_what_it_reads(settings: Any, cast: Cast) -> None:
    """A stranger's room is looked for among all of one's memberships, each time it is named."""
    owner = cast.owner
    foreign = {new_identity(): (0, 0)}
    one = FOREIGN + budgets.MEMBERSHIP
    assert await spent_by_sync(settings, owner, foreign) == pytest.approx(one)
    for name in ("second", "third"):
        await run_in_thread(services.create_group, creator=owner, name=name)
    three = FOREIGN + 3 * budgets.MEMBERSHIP
    for _ in range(2):
        assert await spent_by_sync(settings, owner, foreign) == pytest.approx(three)


async def test_a_sync_of_rooms_that_rest_is_nearly_free(settings: Any, cast: Cast) -> None:
    """Somebody with 1,000 rooms who was offline for a moment asks for them all."""
    await send_message(
        user_identity=cast.member.pk, room_identity=cast.room.pk, client_id="1", data="hello"
    )
    await spent_by_sync(settings, cast.owner, {cast.room.pk: (0, 0)})  # from now on it is known
    assert await spent_by_sync(settings, cast.owner, {cast.room.pk: (1, 0)}) == pytest.approx(COST)
    behind = COST + budgets.BEHIND + budgets.MESSAGE
    found = await spent_by_sync(settings, cast.owner, {cast.room.pk: (0, 0)})
    assert found == pytest.approx(behind)


def test_a_day_offline_with_a_thousand_rooms_fits_in() -> None:
    """`ready`, the list of rooms and a `sync` in which every room has news, on two devices."""
    ready = budgets.COMMAND + 1_000 * budgets.ROOM
    sync = 1_000 * (budgets.NAMED_ROOM + budgets.MEMBERSHIP + budgets.BEHIND)
    messages = 2_000 * budgets.MESSAGE
    assert 2 * (2 * ready + sync + messages) < READS_PER_USER.amount


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
