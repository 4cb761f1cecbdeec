"""Black-box tests: a real `manage.py up`, real sockets, real browsers; and what they measured.

tests/faults uses the same fixtures and hooks.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.notes import note
from tests.system.system import leftovers
from tests.up import eventually

Measured = Callable[[str], None]
TESTS = Path(__file__).parents[1]

logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request hides the rest


@pytest.fixture(autouse=True)
def clean() -> None:
    """Replaces the suite's own: these tests never touch its databases."""


@pytest.fixture(scope="session", autouse=True)
def _nothing_left_running() -> Iterator[None]:
    """Whatever the tests killed or broke, no process may outlive them."""
    yield
    assert eventually(lambda: not leftovers(), 10), leftovers()


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Notes a measurement for the end of the test report."""
    name = request.node.name
    return lambda text: note("measured", f"{name}: {text}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here looks for its processes in /proc."""
    skip = pytest.mark.skip(reason="reads /proc")
    if not Path("/proc/self/task").exists():
        for item in items:
            if {"system", "faults"} & set(item.path.relative_to(TESTS).parts):
                item.add_marker(skip)
