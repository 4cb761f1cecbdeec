"""The list of cases, and how one is carried out."""

import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.faults.recorder import Counts
from tests.faults.run import Run, Scale
from tests.faults.site import Site
from tests.faults.targets import forgiven

Work = Callable[[Run], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """`heals_within`: seconds from the end of the fault, by the contract. `prepare`: what comes
    before the first client connects. `alone`: it brings its own users and load. `needs`: what the
    machine must have, "" for nothing special."""

    name: str
    title: str
    work: Work
    heals_within: float
    prepare: Work | None = None
    alone: bool = False
    long_only: bool = False
    needs: str = ""


@dataclass
class Result:
    case: Case
    seed: int
    counts: Counts = field(default_factory=Counts)
    heal_s: float | None = None
    took_s: float = 0.0
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    skipped: str = ""

    @property
    def passed(self) -> bool:
        return not self.wrong and not self.counts.faults and not self.skipped


CASES: dict[str, Case] = {}


def case(
    name: str,
    title: str,
    *,
    heals_within: float,
    prepare: Work | None = None,
    alone: bool = False,
    long_only: bool = False,
    needs: str = "",
) -> Callable[[Work], Work]:
    """Registers a case under its number in the list of faults ("F8"; "F8b" for a variant)."""

    def register(work: Work) -> Work:
        CASES[name] = Case(name, title, work, heals_within, prepare, alone, long_only, needs)
        return work

    return register


def lacking(case: Case, site: Site) -> str:
    """Returns why the case cannot run here; "" when it can."""
    if case.needs == "mongod" and not site.external:
        return "needs a real mongod (MONGODB_URL)"
    if case.needs == "own mongodb" and site.external:
        return "MONGODB_URL names a MongoDB that is not ours to break"
    return ""


async def perform(case: Case, site: Site, seed: int, scale: Scale) -> Result:
    """Carries a case out. Whatever happens, the site is whole again afterwards, or this raises."""
    result = Result(case, seed, skipped=lacking(case, site))
    if result.skipped:
        return result
    run, started = Run(site, seed, scale), time.monotonic()
    try:
        await site.enlist(scale.people)
        if case.prepare:
            await case.prepare(run)
        await (_alone if case.alone else _under_load)(case, run)
        result.counts, result.wrong = await run.judge()
    except Exception as exc:
        result.wrong.append(_last_words(exc))
    finally:
        result.heal_s, result.notes = run.heal_s, run.notes
        await site.mend()
        await run.close()
        result.took_s = time.monotonic() - started
    return result


async def _under_load(case: Case, run: Run) -> None:
    await run.open()
    async with run.talking() as load:
        await run.calm()
        await case.work(run)
        await run.heal(forgiven(case.heals_within))
        await run.calm()
        await load.finish()
    await run.settle()


async def _alone(case: Case, run: Run) -> None:
    await case.work(run)
    if run.clients:
        await run.heal(forgiven(case.heals_within))
        await run.settle()


def _last_words(exc: BaseException) -> str:
    return "".join(traceback.format_exception(exc, limit=-3)).strip()
