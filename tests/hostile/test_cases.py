"""Each bad input of the test plan has a test, or a reason why not yet."""

import ast
from pathlib import Path

import pytest

from tests.hostile.cases import ALL, LATER, TESTED, summary
from tests.up import ROOT


def names(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


def test_none_is_forgotten() -> None:
    assert sorted([*TESTED, *LATER]) == list(ALL)


@pytest.mark.parametrize("number", sorted(TESTED))
def test_it_is_where_the_list_says(number: int) -> None:
    for place in TESTED[number]:
        path, _, name = place.partition("::")
        assert name in names(ROOT / path), place


def test_the_document_has_the_count() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    assert summary().splitlines()[0] in page
