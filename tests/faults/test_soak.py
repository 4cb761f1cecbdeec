"""What a soak makes of its minutes: the verdict and the picture."""

from argparse import Namespace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.faults import cases
from tests.faults.recorder import Counts
from tests.faults.soak import FAULTS, WARM_AFTER, Minute, Soak
from tests.faults.soak_chart import chart
from tests.faults.vitals import Vitals, slope

LONG = 2 * WARM_AFTER


def minute(number: int, rss: float = 200.0, fds: int = 90, tasks: int = 40, pid: int = 1) -> Minute:
    made = Minute(number, cases.ALL[FAULTS[number % len(FAULTS)]], Counts(acked=3_000))
    made.median_s, made.p99_s, made.heal_s = 0.02, 1.5, 0.8
    others = {"worker1": Vitals(2, 150, 90), "MongoDB": Vitals(3, 99, 9), "Redis": Vitals(4, 9, 9)}
    made.vitals = {"worker0": Vitals(pid, rss, fds, tasks), **others}
    return made


@pytest.fixture
def soak(tmp_path: Path) -> Soak:
    """A run that has not been started."""
    options = Namespace(people=2, rooms=1, rate=1.0, seed=1, minutes=LONG, minute=60.0)
    return Soak(options, tmp_path)


def test_one_odd_minute_is_no_growth() -> None:
    assert slope([100, 100, 900, 100, 100, 100]) == 0
    assert slope([1, 3, 5, 7]) == 2
    assert slope([]) == 0


def test_nothing_to_complain_about(soak: Soak) -> None:
    soak.minutes = [minute(n, rss=200 + n % 3) for n in range(LONG)]
    assert soak.complaints() == []


def test_what_fills_up_in_the_beginning_is_no_growth(soak: Soak) -> None:
    soak.minutes = [minute(n, rss=200 + min(n, WARM_AFTER)) for n in range(LONG)]
    assert soak.complaints() == []


@pytest.mark.parametrize(
    ("grown", "complaint"),
    [
        ({"rss": 1}, "RSS, MiB of the steady worker: +1.00 a minute"),
        ({"fds": 2}, "file descriptors of the steady worker: +2.00 a minute"),
        ({"tasks": 1}, "tasks of the steady worker: +1.00 a minute"),
    ],
)
def test_growth_fails_the_run(soak: Soak, grown: dict[str, int], complaint: str) -> None:
    soak.minutes = [
        minute(n, **{what: 50 + n * by for what, by in grown.items()}) for n in range(LONG)
    ]
    assert soak.complaints() == [complaint]


def test_one_lost_message_fails_the_run(soak: Soak) -> None:
    soak.minutes = [minute(n) for n in range(LONG)]
    soak.minutes[3].wrong = ["lost: x, acked as 1"]
    assert soak.complaints() == ["lost: x, acked as 1"]


def test_the_steady_worker_has_to_stay(soak: Soak) -> None:
    soak.minutes = [minute(n, pid=1 if n < 9 else 5) for n in range(LONG)]
    assert soak.complaints() == ["the steady worker ended"]


@pytest.mark.parametrize("count", [1, 5, 30])
def test_the_picture_is_well_formed(count: int) -> None:
    drawn = chart([minute(n + 1) for n in range(count)])
    picture = ElementTree.fromstring(drawn)  # noqa: S314 -- our own
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    texts = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert f"{count} minutes, a fault in each" in texts
    assert f"{3_000 * count:,} acknowledged" in str(texts[1])
