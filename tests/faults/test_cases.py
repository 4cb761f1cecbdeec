"""The short form of the cases, one after the other on one system (`make chaos`: the long form)."""

from collections.abc import AsyncIterator

import pytest

from tests.faults import cases
from tests.faults.registry import Case, perform
from tests.faults.run import Scale
from tests.faults.site import Site
from tests.system.conftest import Measured

SHORT = Scale()
SEED = 1
IN_SHORT = {name: case for name, case in cases.ALL.items() if not case.long_only}


class Sites:
    """The system under test, built anew when a case leaves it broken."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._site: Site | None = None

    async def healthy(self) -> Site:
        if self._site is None:
            self._site = Site(self._factory.mktemp("faults"))
            await self._site.start()
        return self._site

    async def drop(self) -> None:
        site, self._site = self._site, None
        if site is not None:
            await site.stop()


@pytest.fixture(scope="module")
async def sites(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sites]:
    sites = Sites(tmp_path_factory)
    yield sites
    await sites.drop()


@pytest.mark.parametrize("case", IN_SHORT.values(), ids=IN_SHORT.keys())
async def test_nothing_acknowledged_is_lost(case: Case, sites: Sites, measured: Measured) -> None:
    site = await sites.healthy()
    try:
        result = await perform(case, site, SEED, SHORT)
    except BaseException:
        await sites.drop()
        raise
    if result.skipped:
        pytest.skip(result.skipped)
    heal = "" if result.heal_s is None else f", healed after {result.heal_s:.2f} s"
    measured(f"{result.counts.acked} acked, {result.counts.retried} retried{heal}")
    for note in result.notes:
        measured(note)
    assert not result.wrong, "\n".join(result.wrong[:20])
