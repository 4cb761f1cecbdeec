"""`python -m bench`, which is `make bench`. Options: --help."""

import argparse
import logging
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import BenchError
from bench.budget import budget
from bench.machine import machine
from bench.plan import Plan, chosen_peers, chosen_workloads
from bench.processes import ROOT, raise_file_limit
from bench.report import broken, show, write
from bench.system import System
from bench.workloads import FULL, QUICK

# A table of seven columns; what prints to a file has no width of its own.
WIDTH = 190


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or ""))
    parser.add_argument("--full", action="store_true", help="everything, half an hour and more")
    parser.add_argument(
        "--budget", action="store_true", help="how long others wait beside an attacker, 3 minutes"
    )
    parser.add_argument("--only", default="", help="workloads, with commas: room-200,pairs")
    parser.add_argument("--peers", default="all", help="none, all, or channels,prosody,…")
    parser.add_argument("--runs", type=int, help="counted runs of each workload")
    parser.add_argument("--seconds", type=float, help="length of a flood")
    parser.add_argument("--workers", type=int, default=1, help="web processes of IMSystem")
    parser.add_argument(
        "--mongodb-url",
        default=os.environ.get("MONGODB_URL", ""),
        help="a MongoDB in place of the embedded one; default: MONGODB_URL",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "var" / "bench")
    return parser.parse_args()


def bench(options: argparse.Namespace, console: Console) -> int:
    """Measures, prints and writes. Returns 1 when IMSystem broke its promise."""
    form = FULL if options.full else QUICK
    form = replace(form, runs=options.runs or form.runs, seconds=options.seconds or form.seconds)
    only = [name for name in options.only.split(",") if name]
    form = replace(form, full=form.full or bool(only))
    plan = Plan(
        System(options.workers, options.mongodb_url),
        chosen_peers(options.peers),
        chosen_workloads(only, full=options.full),
        form,
    )
    about = machine()
    raise_file_limit()
    logging.getLogger("picows").setLevel(logging.CRITICAL)  # our clients count what goes wrong
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[what]}"),
    )
    with Progress(*columns, console=console) as progress:
        results = plan.run(progress)
    show(results, about, console)
    data, text = write(results, about, options.output)
    console.print(f"raw results: {data}\nas Markdown: {text}", highlight=False)
    if broken(results):
        console.print("IMSystem lost, doubled or refused something: see above", style="red")
        return 1
    return 0


def main() -> int:
    # As an exception, so that everything that was started is stopped.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    try:
        options = arguments()
        return budget() if options.budget else bench(options, console)
    except BenchError as exc:
        console.print(f"error: {exc}", style="red", highlight=False, markup=False)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
