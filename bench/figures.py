"""The arithmetic of the table. Lists hold one value for each run."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

# A load that was offered and not carried: later than anything that could be measured.
OVERLOADED = math.inf


@dataclass(frozen=True)
class Target:
    """What a row should reach: at least or at most `value`."""

    value: float
    at_least: bool

    def met(self, found: float) -> bool:
        return found >= self.value if self.at_least else found <= self.value


def at_least(value: float) -> Target:
    return Target(value, at_least=True)


def at_most(value: float) -> Target:
    return Target(value, at_least=False)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: a value that was really seen. Raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Returns how many times theirs ours is: the median over the runs, each compared with the
    peer's of the same round, because a shared machine is faster in one minute than in the next.

    Raises ValueError when they have not as many runs.
    """
    return median(
        [mine / other if other else math.inf for mine, other in zip(ours, theirs, strict=True)]
    )


def spread(values: Sequence[float]) -> float:
    """The distance between the slowest and the fastest run, as a part of the median."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle and math.isfinite(middle) else 0.0
