"""The table: on the console, as Markdown for docs/performance.md, and everything as JSON."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.figures import Target, median, ratio, spread
from bench.loads import Outcome
from bench.plan import Results
from bench.workloads import LEADS, WORKLOADS, Row, Workload

OURS = "imsystem"
NOISY = 0.5  # runs that lie further apart than this part of their median are marked


@dataclass(frozen=True)
class Line:
    """A row as shown: cells by peer, the target, whether it is met."""

    title: str
    cells: dict[str, str]
    target: str = ""
    met: str = ""


def number(value: float, digits: int, unit: str = "") -> str:
    """`71,204`, `4.1 ms`, `overloaded`."""
    if not math.isfinite(value):
        return "overloaded"
    return f"{value:,.{digits}f}{f' {unit}' if unit else ''}"


def wanted(target: Target | None, digits: int, unit: str) -> str:
    if target is None:
        return ""
    whole = target.value == int(target.value)
    return f"{'≥' if target.at_least else '≤'} {number(target.value, 0 if whole else digits, unit)}"


def verdict(target: Target | None, found: float) -> str:
    return "" if target is None else "yes" if target.met(found) else "no"


def cell(results: Results, workload: Workload, row: Row, peer: str) -> str:
    """The median; for a peer's rate how many times it ours is; `~` when the runs differ much."""
    values = results.values(workload.name, row.key, peer)
    if not values:
        return "failed" if results.outcomes[workload.name].get(peer) else "–"
    text = number(median(values), row.digits, row.unit)
    if spread(values) > NOISY:
        text = f"~{text}"
    ours = results.values(workload.name, row.key, OURS)
    if peer != OURS and row.rate and len(ours) == len(values):
        times = ratio(ours, values)
        text = f"{text} ({number(times, 1 if times >= 1 else 2)}×)"
    return text


def lines(results: Results) -> Iterator[Line]:
    """The table's rows: every figure, then the leads over the peers."""
    for workload in WORKLOADS:
        for row in workload.rows if workload.name in results.outcomes else ():
            ours = results.values(workload.name, row.key, OURS)
            yield Line(
                row.title,
                {peer: cell(results, workload, row, peer) for peer in results.peers},
                wanted(row.target, row.digits, row.unit),
                verdict(row.target, median(ours) if ours else math.nan),
            )
    yield from _leads(results)


def _leads(results: Results) -> Iterator[Line]:
    titles = {f"{w.name}.{row.key}": row.title for w in WORKLOADS for row in w.rows}
    for lead in LEADS:
        workload, _point, key = lead.row.partition(".")
        ours = results.values(workload, key, OURS)
        theirs = results.values(workload, key, lead.peer)
        if ours and len(ours) == len(theirs):
            times = ratio(ours, theirs)
            peer = results.peers[lead.peer].title
            title = f"{titles[lead.row]}, times {peer}"
            target = wanted(lead.target, 1, "×")
            yield Line(title, {OURS: f"{times:.1f} ×"}, target, verdict(lead.target, times))


def notes(results: Results) -> list[str]:
    """Returns what the table does not show: what was left out, what went wrong, who was busy."""
    found = [f"{title}: not installed ({how})" for title, how in results.not_installed.items()]
    found += [f"{name}: left out, {why}" for name, why in results.skipped.items()]
    for workload, by_peer in results.outcomes.items():
        for peer, outcomes in by_peer.items():
            faults: dict[str, int] = {}
            for outcome in outcomes:
                for what, count in outcome.faults.items():
                    faults[what] = faults.get(what, 0) + count
            if faults:
                said = ", ".join(f"{what}: {count:,}" for what, count in faults.items())
                found.append(f"{workload}, {results.peers[peer].title}: {said}")
    return found


def cpu(results: Results) -> list[str]:
    """Who was busy: shares of a core in the median run, "load" is the load generator."""
    found = []
    for workload, by_peer in results.outcomes.items():
        for peer, outcomes in by_peer.items():
            parts = {part for outcome in outcomes for part in outcome.cpu}
            shares = {
                part: median([outcome.cpu.get(part, 0.0) for outcome in outcomes])
                for part in sorted(parts)
            }
            busy = ", ".join(f"{part} {share:.0%}" for part, share in shares.items() if share > 0)
            if busy:
                found.append(f"{workload}, {results.peers[peer].title}: {busy}")
    return found


def machine_line(about: dict[str, Any], results: Results) -> str:
    versions = "; ".join(peer.version() for peer in results.peers.values() if peer.version())
    return (
        f"{about['at']}, {about['cores']} cores of {about['cpu']}, {about['system']}, load before "
        f"{about['load']}; Python {about['python']}; {versions}"
    )


def show(results: Results, about: dict[str, Any], console: Console) -> None:
    """Prints the table and its notes."""
    table = Table("workload", *(peer.title for peer in results.peers.values()), "target", "met?")
    for column in table.columns[1:]:
        column.justify = "right"
    for line in lines(results):
        table.add_row(
            line.title, *(line.cells.get(p, "") for p in results.peers), line.target, line.met
        )
    console.print(table)
    for note in notes(results):
        console.print(f"  {note}", highlight=False)
    console.print("CPU, of a core (load: the load generator):")
    for busy in cpu(results):
        console.print(f"  {busy}", highlight=False)
    console.print(machine_line(about, results), highlight=False)


def markdown(results: Results, about: dict[str, Any]) -> str:
    """The same for docs/performance.md."""
    head = ["workload", *(peer.title for peer in results.peers.values()), "target", "met?"]
    rows = [head, ["---", *["---:"] * len(results.peers), "---:", "---"]]
    for line in lines(results):
        cells = [line.cells.get(peer, "") for peer in results.peers]
        rows.append([line.title, *cells, line.target, line.met])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    remarks = "\n".join(f"- {note}" for note in notes(results))
    busy = "\n".join(f"- {note}" for note in cpu(results))
    return (
        f"{machine_line(about, results)}\n\n{table}\n\n{remarks}\n\n"
        f"CPU, of a core (`load`: the load generator):\n\n{busy}\n"
    )


def raw(results: Results, about: dict[str, Any]) -> dict[str, Any]:
    """Every value of every run; null for an overloaded one, which JSON has no number for."""
    return {
        "machine": about,
        "versions": {name: peer.version() for name, peer in results.peers.items()},
        "stores": {name: peer.stores for name, peer in results.peers.items()},
        "not_installed": results.not_installed,
        "skipped": results.skipped,
        "outcomes": {
            workload: {peer: [_finite(run) for run in runs] for peer, runs in by_peer.items()}
            for workload, by_peer in results.outcomes.items()
        },
    }


def _finite(run: Outcome) -> dict[str, Any]:
    figures = {key: value if math.isfinite(value) else None for key, value in run.figures.items()}
    return asdict(run) | {"figures": figures}


def write(results: Results, about: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """Writes the JSON and the Markdown; returns where."""
    folder.mkdir(parents=True, exist_ok=True)
    name = str(about["at"]).replace(":", "").partition("+")[0]
    data, text = folder / f"{name}.json", folder / f"{name}.md"
    data.write_text(json.dumps(raw(results, about), indent=1, ensure_ascii=False, allow_nan=False))
    text.write_text(markdown(results, about))
    return data, text


def broken(results: Results) -> bool:
    """Returns True when IMSystem itself lost, doubled or refused anything: its figures are
    worthless."""
    return any(outcome.faults for by_peer in results.outcomes.values() for outcome in by_peer[OURS])
