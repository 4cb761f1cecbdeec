"""The long form of the fault cases: `make chaos ARGS="--case F1,F8 --seeds 20 --seconds 30"`.

The exit code is 1 when anything acknowledged was lost, doubled or reordered, or a case failed
otherwise.
"""

import argparse
import asyncio
import logging
import os
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.faults import cases
from tests.faults.lane import Lane
from tests.faults.registry import Case, Result
from tests.faults.report import markdown, table
from tests.faults.run import Scale

# Writes into a file, wide enough for the table.
console = Console() if sys.stdout.isatty() else Console(width=160)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--case", default="", help="F1,F8 (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each case (3)")
    parser.add_argument("--first-seed", type=int, default=1, help="to repeat a run (1)")
    parser.add_argument("--seconds", type=float, default=10, help="load around each fault (10)")
    parser.add_argument("--rate", type=float, default=50, help="messages a second (50)")
    parser.add_argument("--people", type=int, default=20, help="(20)")
    parser.add_argument("--rooms", type=int, default=20, help="of five members each (20)")
    parser.add_argument("--lanes", type=int, default=1, help="systems side by side (1)")
    parser.add_argument("--short", action="store_true", help="as `make test` does it")
    parser.add_argument(
        "--careless", action="store_true", help="acks before the disk: F5 has to fail"
    )
    parser.add_argument("--markdown", type=Path, help="writes the table to a file as well")
    parser.add_argument("--logs", type=Path, help="where the logs are kept (nowhere)")
    return parser.parse_args()


def chosen(names: str) -> list[Case]:
    """Returns the cases of a list like `F1,F8`; `F1` includes its variants."""
    wanted = [name for name in names.split(",") if name]
    found = [case for case in cases.ALL.values() if not wanted or _matches(case.name, wanted)]
    if not found:
        sys.exit(f"No such case. There are: {', '.join(cases.ALL)}")
    return found


def _matches(name: str, wanted: Sequence[str]) -> bool:
    return name in wanted or name.rstrip("abcdefgh") in wanted


def scale_of(options: argparse.Namespace) -> Scale:
    if options.short:
        return Scale()
    return Scale(
        people=options.people,
        rooms=options.rooms,
        members=5,
        rate=options.rate,
        seconds=options.seconds,
        patient=True,
    )


class Chaos:
    """Spreads all runs over several lanes: every case with the first seed, then with the next
    one."""

    def __init__(self, options: argparse.Namespace, home: Path) -> None:
        self.options = options
        self.results: list[Result] = []
        url = os.environ.get("MONGODB_URL", "")
        self.lanes = [
            Lane(home / f"lane{number}", mongodb_url=url, careless=options.careless)
            for number in range(options.lanes)
        ]

    async def run(self, chosen: Sequence[Case], progress: Progress) -> None:
        first = self.options.first_seed
        wanted = [case for case in chosen if not (self.options.short and case.long_only)]
        runs = deque((case, first + n) for n in range(self.options.seeds) for case in wanted)
        bar = progress.add_task("", total=len(runs))

        async def work(lane: Lane) -> None:
            while runs:
                case, seed = runs.popleft()
                progress.update(bar, description=f"{case.name} {case.title}, seed {seed}")
                self.results.append(await lane.once(case, seed, scale_of(self.options)))
                progress.advance(bar)
                self._tell(self.results[-1])

        try:
            await asyncio.gather(*(work(lane) for lane in self.lanes))
        finally:
            self.results.sort(key=lambda result: (cases.number(result.case.name), result.seed))
            await asyncio.gather(*(lane.stop() for lane in self.lanes))

    def _tell(self, result: Result) -> None:
        for line in result.notes:
            console.print(f"[dim]{result.case.name} seed {result.seed}: {line}", highlight=False)
        for line in result.wrong[:10]:
            console.print(f"[red]{result.case.name} seed {result.seed}: ", end="")
            console.print(line, markup=False, highlight=False, soft_wrap=True)


async def main() -> int:
    options = arguments()
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with tempfile.TemporaryDirectory(prefix="imsystem-chaos-") as temporary:
        chaos = Chaos(options, options.logs or Path(temporary))
        with Progress(*columns, console=console) as progress, suppress(asyncio.CancelledError):
            await chaos.run(
                chosen(options.case), progress
            )  # Ctrl-C: print the table of what there is
    console.print(table(chaos.results))
    if options.markdown:
        options.markdown.write_text(markdown(chaos.results), encoding="utf-8")
    return int(any(not (result.passed or result.skipped) for result in chaos.results))


if __name__ == "__main__":
    logging.getLogger("httpx").setLevel(logging.WARNING)
    sys.exit(asyncio.run(main()))
