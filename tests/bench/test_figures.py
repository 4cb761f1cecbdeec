"""The arithmetic of the load tool. Nothing here is timed."""

import math

import pytest

from bench.figures import OVERLOADED, at_least, at_most, median, percentile, ratio, spread


@pytest.mark.parametrize(
    ("percent", "found"), [(0, 1.0), (50, 50.0), (99, 99.0), (99.5, 100.0), (100, 100.0)]
)
def test_percentile_is_a_value_that_was_seen(percent: float, found: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], percent) == found


def test_percentile_of_one_value_and_of_none() -> None:
    assert percentile([7.0], 99) == 7.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_an_overloaded_run_is_the_slowest() -> None:
    assert median([3.0, OVERLOADED, 4.0]) == 4.0
    assert median([OVERLOADED, OVERLOADED, 4.0]) == OVERLOADED


def test_ratio_compares_runs_of_the_same_round() -> None:
    # The medians alone would say 3 times; twice is what every round but one shows.
    assert ratio([10.0, 20.0, 60.0], [5.0, 10.0, 20.0]) == 2.0
    assert ratio([10.0], [0.0]) == math.inf
    with pytest.raises(ValueError, match="zip"):
        ratio([1.0, 2.0], [1.0])


def test_spread_is_a_part_of_the_median() -> None:
    assert spread([90.0, 100.0, 130.0]) == 0.4
    assert spread([5.0]) == spread([0.0, 0.0]) == spread([OVERLOADED] * 3) == 0.0


@pytest.mark.parametrize(
    ("target", "found", "met"),
    [
        (at_least(60_000), 60_000.0, True),
        (at_least(60_000), 59_999.0, False),
        (at_most(40), 40.0, True),
        (at_most(40), 40.1, False),
        (at_most(40), OVERLOADED, False),
    ],
)
def test_targets(target: object, found: float, met: bool) -> None:
    assert target.met(found) is met  # type: ignore[attr-defined]
