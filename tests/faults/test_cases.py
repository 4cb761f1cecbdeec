"""The short form of every case. `make chaos` runs the long one."""

from collections.abc import AsyncIterator, Callable

import pytest

from tests.faults import cases
from tests.faults.registry import Case, perform
from tests.faults.run import Scale
from tests.faults.site import Site

SHORT = Scale()


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    running = Site(tmp_path_factory.mktemp("faults"))
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("case", cases.ALL.values(), ids=cases.ALL.keys())
async def test_nothing_acknowledged_is_lost(
    case: Case, seed: int, site: Site, measured: Callable[[str], None]
) -> None:
    if case.long_only:
        pytest.skip("takes minutes: make chaos")
    result = await perform(case, site, seed, SHORT)
    if result.skipped:
        pytest.skip(result.skipped)
    heal = "" if result.heal_s is None else f", healed after {result.heal_s:.2f} s"
    measured(f"{result.counts.acked} acked, {result.counts.retried} retried{heal}")
    for note in result.notes:
        measured(note)
    assert not result.wrong, "\n".join(result.wrong[:20])
