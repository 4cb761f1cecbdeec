"""The short form of the cases, one seed of each (`make chaos`: the long form).

Three systems beside each other, each takes the next case: most of a case is waiting, for a process
to start or for something to be noticed.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.databases import GIVEN_MONGODB_URL
from tests.faults import cases
from tests.faults.lane import Lane
from tests.faults.registry import Case, Result
from tests.faults.run import Scale
from tests.leaks import look_into_files
from tests.system.conftest import Measured

LANES = 3
SEED = 1
IN_SHORT = {name: case for name, case in cases.ALL.items() if not case.long_only}

Results = Mapping[str, "asyncio.Future[Result]"]


@pytest.fixture(scope="module")
async def results(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Results]:
    """Of the cases that pytest was asked for; they are carried out in the background."""
    asked = [
        item.callspec.params["case"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    ]
    loop = asyncio.get_running_loop()
    results = {case.name: loop.create_future() for case in asked}
    theirs = [case for case in asked if case.needs == "mongod" and GIVEN_MONGODB_URL]
    ours = deque(case for case in asked if case not in theirs)
    lanes = [("", ours)] * min(LANES, len(ours))
    lanes += [(GIVEN_MONGODB_URL, deque(theirs))] if theirs else []
    async with AsyncExitStack() as stack:
        for url, waiting in lanes:
            home = tmp_path_factory.mktemp("lane")
            lane = Lane(home, mongodb_url=url)
            stack.callback(_look_into_logs, home)
            stack.push_async_callback(lane.stop)
            stack.push_async_callback(_end, loop.create_task(_work(lane, waiting, results)))
        yield results


async def _work(lane: Lane, waiting: deque[Case], results: Results) -> None:
    while waiting:
        case = waiting.popleft()
        results[case.name].set_result(await lane.once(case, SEED, Scale()))


def _look_into_logs(home: Path) -> None:
    look_into_files(*home.rglob("worker*.log"))


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize("case", IN_SHORT.values(), ids=IN_SHORT.keys())
async def test_nothing_acknowledged_is_lost(
    case: Case, results: Results, measured: Measured
) -> None:
    result = await results[case.name]
    if result.skipped:
        pytest.skip(result.skipped)
    for line in _told(result):
        measured(line)
    assert not result.wrong, "\n".join(result.wrong[:20])


def _told(result: Result) -> Sequence[str]:
    heal = "" if result.heal_s is None else f", healed after {result.heal_s:.2f} s"
    figures = f"{result.counts.acked} acked, {result.counts.retried} retried"
    return [f"{result.took_s:.1f} s: {figures}{heal}", *result.notes]


def test_every_fault_of_the_list_has_a_case() -> None:
    """F30, backup and restore, has a test of its own (tests/system/test_backup.py)."""
    assert {cases.number(name)[:2] for name in IN_SHORT} == {
        *(("F", number) for number in range(1, 30)),
        ("M", 1),
    }
