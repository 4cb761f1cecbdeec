"""The table at the end: one line for each case, over all of its seeds."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE
from rich.table import Table

from tests.faults.recorder import Counts
from tests.faults.registry import Case, Result

HEAD = ["case", "fault", "runs", "acked", "retried", "received"]
HEAD += [
    "lost",
    "doubled",
    "reordered",
    "unseen",
    "phantom",
    "holes",
    "heals, s",
    "target, s",
    "took, s",
    "",
]
FIGURES = 10


@dataclass(frozen=True)
class Line:
    case: Case
    results: Sequence[Result]

    @property
    def counts(self) -> Counts:
        return sum((result.counts for result in self.results), Counts())

    @property
    def outcome(self) -> str:
        if all(result.skipped for result in self.results):
            return f"skipped: {self.results[0].skipped}"
        failed = sum(not result.passed for result in self.results)
        return f"FAILED {failed}" if failed else "passed"

    @property
    def heal(self) -> str:
        """`median (longest)` of those that healed."""
        times = [result.heal_s for result in self.results if result.heal_s is not None]
        return f"{statistics.median(times):.1f} ({max(times):.1f})" if times else ""

    def cells(self) -> list[str]:
        counts = self.counts
        runs = sum(not result.skipped for result in self.results)
        figures = [runs, counts.acked, counts.retried, counts.received]
        figures += [counts.lost, counts.doubled, counts.reordered, counts.unseen]
        figures += [counts.phantom, counts.holes]
        cells = [str(figure) for figure in figures] if runs else [""] * FIGURES
        took = f"{sum(result.took_s for result in self.results):.0f}" if runs else ""
        target = f"{self.case.heals_within:.0f}" if self.heal else ""
        return [self.case.name, self.case.title, *cells, self.heal, target, took, self.outcome]


def lines(results: Sequence[Result]) -> list[Line]:
    cases = dict.fromkeys(result.case for result in results)
    return [Line(case, [r for r in results if r.case is case]) for case in cases]


def table(results: Sequence[Result]) -> Table:
    found = Table(*HEAD, box=SIMPLE)
    for column in found.columns[2:15]:
        column.justify = "right"
    for line in lines(results):
        style = "red" if "FAILED" in line.outcome else "dim" if "skipped" in line.outcome else ""
        found.add_row(*line.cells(), style=style)
    return found


def markdown(results: Sequence[Result]) -> str:
    rows = [HEAD, ["---"] * len(HEAD), *(line.cells() for line in lines(results))]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
