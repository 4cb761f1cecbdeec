"""Alert rules and dashboard: every metric in them is one that /metrics knows."""

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import yaml

import chat.apps  # noqa: F401 -- all parts that count something
from imsystem.health.exposition import exposition
from tests.deploy.conftest import DEPLOY

RULES, DASHBOARD = DEPLOY / "prometheus" / "alerts.yml", DEPLOY / "grafana" / "dashboard.json"
# Prometheus' own.
OF_PROMETHEUS = {"up"}


def known() -> dict[str, set[str]]:
    """{sample: its labels}, of all metrics; those without any value yet by their names."""
    found: dict[str, set[str]] = {}
    for line in exposition().decode().splitlines():
        if kind := re.match(r"# TYPE (\w+) (\w+)", line):
            ends = {"histogram": ("_bucket", "_sum", "_count")}.get(kind[2], ("",))
            found |= {f"{kind[1]}{end}": set() for end in ends}
        elif sample := re.match(r"(\w+)(?:\{(.*)\})? ", line):
            found.setdefault(sample[1], set()).update(re.findall(r"(\w+)=", sample[2] or ""))
    return found


def expressions() -> list[str]:
    groups: Any = yaml.safe_load(RULES.read_text())["groups"]
    rules = [rule["expr"] for group in groups for rule in group["rules"]]
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return rules + [target["expr"] for panel in panels for target in panel["targets"]]


def names(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:imsystem|process)_\w+", expression))


def test_every_metric_exists() -> None:
    used = {name for expression in expressions() for name in names(expression)}
    assert used - set(known()) - OF_PROMETHEUS == set()


def test_every_metric_is_on_the_dashboard() -> None:
    shown = " ".join(target["expr"] for target in _targets())
    ours = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in known()}
    assert {name for name in ours if name.startswith("imsystem_") and name not in shown} == set()


def test_labels_are_those_that_are_told() -> None:
    """Of metrics that have values in the tests."""
    samples = known()
    for expression in expressions():
        for name, labels in re.findall(r"(imsystem_\w+)\{([^}]*)\}", expression):
            if samples.get(name):
                assert set(re.findall(r"(\w+)[=!]", labels)) <= samples[name] | {"job"}, expression


def test_promtool_takes_the_rules(program: Callable[[str], str]) -> None:
    checked = subprocess.run(
        [program("promtool"), "check", "rules", RULES], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_promtool_takes_what_metrics_answers(program: Callable[[str], str]) -> None:
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=exposition(),
        capture_output=True,
        check=False,
    )
    assert b"error while linting" not in checked.stderr, checked.stderr


def _targets() -> list[dict[str, str]]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target for panel in panels for target in panel["targets"]]


def test_panels_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len({panel["id"] for panel in panels}) == len(panels)
