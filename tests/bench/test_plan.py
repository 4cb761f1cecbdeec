"""What is chosen, and how what was found is shown."""

import math

import pytest

from bench import BenchError
from bench.figures import OVERLOADED
from bench.loads import Outcome
from bench.peers.limit import Limit
from bench.plan import Results, chosen_peers, chosen_workloads, measure
from bench.report import OURS, broken, lines, markdown, notes, number, raw
from bench.system import System
from bench.workloads import LEADS, QUICK, WORKLOADS

ABOUT = {"at": "now", "cores": 2, "cpu": "a CPU", "system": "Linux", "load": 0.1, "python": "3"}


def results(**rates: list[float]) -> Results:
    """Deliveries in the room of 200; keys are names of peers."""
    found = Results({OURS: System(), "limit": Limit()})
    for peer, values in rates.items():
        found.outcomes["room-200"][peer] = [Outcome({"deliveries": value}) for value in values]
    return found


def test_names_are_unique_and_leads_point_to_rows() -> None:
    names = [workload.name for workload in WORKLOADS]
    assert len(names) == len(set(names))
    rows = {f"{workload.name}.{row.key}" for workload in WORKLOADS for row in workload.rows}
    peers = {peer.name for peer in chosen_peers("all")}
    assert {lead.row for lead in LEADS} <= rows
    assert {lead.peer for lead in LEADS} <= peers


def test_every_kind_of_workload_can_be_measured() -> None:
    for workload in WORKLOADS:
        # A peer other than IMSystem gets as far as the choice of the function.
        error = AttributeError if workload.kind in ("room", "pairs") else AssertionError
        with pytest.raises(error):
            measure(workload, Limit(), QUICK)


def test_quick_and_full() -> None:
    quick = {workload.name for workload in chosen_workloads([], full=False)}
    full = {workload.name for workload in chosen_workloads([], full=True)}
    assert full - quick == {"idle-10000", "history-1000000"}
    assert quick - full == {"history-50000"}
    assert [w.name for w in chosen_workloads(["pairs", "idle-10000"], full=False)] == [
        *("pairs", "idle-10000")
    ]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(BenchError, match="no workload rooms; there are: room-200, "):
        chosen_workloads(["rooms"], full=False)
    with pytest.raises(BenchError, match="no peer 'irc'; there are: channels, prosody, "):
        chosen_peers("prosody,irc")


def test_peers() -> None:
    names = ["channels-daphne", "channels-uvicorn", "prosody", "ejabberd", "limit"]
    assert [peer.name for peer in chosen_peers("all")] == names
    assert [peer.name for peer in chosen_peers("limit,prosody")] == ["limit", "prosody"]
    assert chosen_peers("none") == []


@pytest.mark.parametrize(
    ("value", "digits", "unit", "text"),
    [
        (71_204.4, 0, "", "71,204"),
        (4.06, 1, "ms", "4.1 ms"),
        (OVERLOADED, 1, "ms", "overloaded"),
        (math.nan, 0, "", "overloaded"),
    ],
)
def test_numbers(value: float, digits: int, unit: str, text: str) -> None:
    assert number(value, digits, unit) == text


def test_a_line_has_medians_ratios_and_a_verdict() -> None:
    line, _half = lines(
        results(imsystem=[50_000, 70_000, 61_000], limit=[100_000, 140_000, 122_000])
    )
    assert line.cells == {OURS: "61,000", "limit": "122,000 (0.50×)"}
    assert (line.target, line.met) == ("≥ 60,000", "yes")


def test_runs_that_differ_much_are_marked() -> None:
    line, _half = lines(results(imsystem=[20_000, 50_000, 61_000]))
    assert line.cells == {OURS: "~50,000", "limit": "–"}
    assert line.met == "no"


def test_faults_are_told_and_ours_make_the_run_worthless() -> None:
    found = results(imsystem=[1.0, 1.0], limit=[2.0])
    found.outcomes["room-200"]["limit"][0].faults = {"deliveries lost": 3}
    assert notes(found) == ["room-200, bare broadcast: deliveries lost: 3"]
    assert not broken(found)
    for run in found.outcomes["room-200"][OURS]:
        run.faults = {"deliveries lost": 2}
    assert notes(found)[0] == "room-200, IMSystem: deliveries lost: 4"
    assert broken(found)


def test_peers_that_are_not_there_are_told_and_have_no_column() -> None:
    found = results(imsystem=[60_000.0])
    del found.peers["limit"]
    found.not_installed["Prosody"] = "apt-get install prosody"
    text = markdown(found, ABOUT)
    assert "| workload | IMSystem | target | met? |" in text
    assert "| room of 200: deliveries/s | 60,000 | ≥ 60,000 | yes |" in text
    assert "- Prosody: not installed (apt-get install prosody)" in text


def test_the_raw_results_are_plain_json() -> None:
    found = results(imsystem=[OVERLOADED])
    assert raw(found, ABOUT)["outcomes"] == {
        "room-200": {OURS: [{"figures": {"deliveries": None}, "faults": {}, "cpu": {}}]}
    }


def test_a_run_that_failed_is_no_run_that_was_not_made() -> None:
    found = results(imsystem=[])
    found.outcomes["room-200"][OURS] = [Outcome(faults={"failed, no answer": 1})]
    line, _half = lines(found)
    assert line.cells == {OURS: "failed", "limit": "–"}
    assert line.met == "no"
    assert broken(found)
