"""The picture of a soak: rows over the same minutes, as SVG, without a library."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from tests.faults.soak import Minute

WIDTH, LEFT, RIGHT, TOP = 980, 74, 132, 92
ROW, GAP, BELOW = 108, 46, 56
INK, FAINT, GRID = "#1f2937", "#6b7280", "#e5e7eb"
BLUE, ORANGE, GREEN, VIOLET, GREY = "#2563eb", "#ea580c", "#059669", "#7c3aed", "#9ca3af"
DOT = 2.6

# None where there is nothing to show.
Values = Sequence[float | None]
Scale = Callable[[float], float]


@dataclass(frozen=True)
class Series:
    """A line; or bars from the bottom up."""

    name: str
    colour: str
    values: Values
    bars: bool = False


@dataclass(frozen=True)
class Row:
    """`ticks` make the axis: its ends are the first and the last of them."""

    title: str
    ticks: Sequence[float]
    series: Sequence[Series]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Returns the position between the bottom (0) and the top (1)."""
        low, high = self.ticks[0], self.ticks[-1]
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        return min(1.0, (value - low) / (high - low))


def chart(minutes: "Sequence[Minute]") -> str:
    """Returns the whole picture."""
    rows = _rows(minutes)
    height = TOP + len(rows) * (ROW + GAP) + BELOW - GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" font-family="system-ui, sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#ffffff"/>',
        _text(LEFT, 38, f"{len(minutes)} minutes, a fault in each", INK, size=19, weight=600),
        _text(LEFT, 60, _summary(minutes), FAINT, size=13),
    ]
    for number, row in enumerate(rows):
        parts += _row(row, TOP + number * (ROW + GAP), len(minutes))
    parts += _minutes(minutes, TOP + len(rows) * (ROW + GAP) - GAP)
    return "\n".join([*parts, "</svg>\n"])


def _summary(minutes: "Sequence[Minute]") -> str:
    def total(name: str) -> str:
        return f"{sum(getattr(minute.counts, name) for minute in minutes):,}"

    kinds = ("acked", "retried", "received", "lost", "doubled", "reordered")
    names = ("acknowledged", "sent again", "received", "lost", "doubled", "reordered")
    pairs = zip(kinds, names, strict=True)
    return "  ·  ".join(f"{total(kind)} {name}" for kind, name in pairs)


def _rows(minutes: "Sequence[Minute]") -> list[Row]:
    def each(value: "Callable[[Minute], float | None]") -> Values:
        return [value(minute) for minute in minutes]

    def vital(part: str, name: str) -> Values:
        return each(lambda m: getattr(m.vitals[part], name) if m.vitals else None)

    acked = each(lambda m: m.counts.acked)
    memory = (
        Series("steady worker", BLUE, vital("worker0", "rss")),
        Series("other worker", GREY, vital("worker1", "rss")),
        Series("MongoDB", GREEN, vital("MongoDB", "rss")),
        Series("Redis", VIOLET, vital("Redis", "rss")),
    )
    held = (
        Series("descriptors", BLUE, vital("worker0", "fds")),
        Series("tasks", ORANGE, vital("worker0", "tasks")),
    )
    sent = (
        Series("acknowledged", BLUE, acked, bars=True),
        Series("sent again", ORANGE, each(lambda m: m.counts.retried), bars=True),
    )
    healed = (Series("to heal", GREEN, each(lambda m: m.heal_s), bars=True),)
    waits = (
        Series("p99", ORANGE, each(lambda m: m.p99_s or None)),
        Series("median", BLUE, each(lambda m: m.median_s or None)),
    )
    return [
        Row("Messages a minute", _ticks(sent), sent),
        Row(
            "From the first try to the ack, seconds (faults included)",
            (0.01, 0.1, 1, 10, 100),
            waits,
            logarithmic=True,
        ),
        Row("From the end of the fault to whole again, seconds", _ticks(healed), healed),
        Row("Memory (RSS), MiB", _ticks(memory), memory),
        Row("The steady worker holds", _ticks(held), held),
    ]


def _ticks(series: Sequence[Series]) -> Sequence[float]:
    """Returns zero and some round numbers, the last of them above everything."""
    highest = max([v for each in series for v in each.values if v is not None], default=0) or 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    step = next(power * m for m in (0.5, 1, 2, 5) if highest / (power * m) <= 4)
    return [step * number for number in range(math.ceil(highest / step * 1.02) + 1)]


# --- drawing ---------------------------------------------------------------------------------


def _x(number: int, count: int) -> float:
    return LEFT + (number + 0.5) * (WIDTH - LEFT - RIGHT) / count


def _row(row: Row, top: float, count: int) -> list[str]:
    def y(value: float) -> float:
        return top + ROW * (1 - row.share(value))

    parts = [_text(LEFT, top - 10, row.title, INK, size=12, weight=600)]
    for tick in row.ticks:
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"'
            f' stroke="{GRID}"/>'
        )
        parts.append(_text(LEFT - 8, y(tick) + 4, f"{tick:,g}", FAINT, anchor="end"))
    for series in row.series:
        draw = _bars if series.bars else _line
        parts += draw(series, [_x(n, count) for n in range(len(series.values))], y)
    return parts + _names(row.series, top, y)


def _line(series: Series, xs: Sequence[float], y: Scale) -> list[str]:
    points = [(x, y(v)) for x, v in zip(xs, series.values, strict=True) if v is not None]
    path = " ".join(f"{x:.1f},{height:.1f}" for x, height in points)
    dots = [
        f'<circle cx="{x:.1f}" cy="{height:.1f}" r="{DOT}" fill="{series.colour}"/>'
        for x, height in points
    ]
    line = f'<polyline points="{path}" fill="none" stroke="{series.colour}" stroke-width="1.6"/>'
    return [line, *dots]


def _bars(series: Series, xs: Sequence[float], y: Scale) -> list[str]:
    width = min(18.0, 0.62 * (WIDTH - LEFT - RIGHT) / max(1, len(xs)))
    return [
        f'<rect x="{x - width / 2:.1f}" y="{y(v):.1f}" width="{width:.1f}" rx="1.5"'
        f' height="{y(0) - y(v):.1f}" fill="{series.colour}"/>'
        for x, v in zip(xs, series.values, strict=True)
        if v is not None
    ]


def _names(series: Sequence[Series], top: float, y: Scale) -> list[str]:
    """Each label stands beside the end of its line without covering another; those of bars stand at
    the top."""
    last = {
        each.name: top + 8 if each.bars else y(next((v for v in reversed(each.values) if v), 0)) + 4
        for each in series
    }
    parts, lowest = [], 0.0
    for each in sorted(series, key=lambda each: last[each.name]):
        lowest = max(last[each.name], lowest + 14)
        parts.append(_text(WIDTH - RIGHT + 10, lowest, each.name, each.colour, size=12))
    return parts


def _minutes(minutes: "Sequence[Minute]", bottom: float) -> list[str]:
    """The minute, and which fault it had."""
    parts = []
    for number, minute in enumerate(minutes):
        x = _x(number, len(minutes))
        parts.append(_text(x, bottom + 18, str(minute.number), FAINT, anchor="middle"))
        colour = ORANGE if minute.wrong else INK
        parts.append(_text(x, bottom + 33, minute.case.name, colour, size=10, anchor="middle"))
    return [
        *parts,
        _text(WIDTH - RIGHT + 10, bottom + 18, "minute", FAINT),
        _text(WIDTH - RIGHT + 10, bottom + 33, "fault", INK),
    ]


def _text(
    x: float,
    y: float,
    text: str,
    colour: str,
    *,
    size: int = 11,
    weight: int = 400,
    anchor: str = "start",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" font-weight="{weight}"'
        f' text-anchor="{anchor}">{escape(text)}</text>'
    )
