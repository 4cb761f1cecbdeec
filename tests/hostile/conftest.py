"""Hostile input at a real server: each case gets the right answer and changes nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.hostile.scene import Scene
from tests.hostile.target import Target
from tests.notes import note


@pytest.fixture(autouse=True)
def clean() -> None:
    """Replaces the suite's own: these tests never touch its databases."""


Start = Callable[..., Target]


@pytest.fixture(scope="module")
def start(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """Starts a system with these variables in its environment; at the end of the module it is
    checked once more and stopped."""

    def started(kind: type[Target] = Target, **variables: str) -> Target:
        running = stack.enter_context(kind(tmp_path_factory.mktemp("hostile"), **variables))
        stack.callback(_note, request.module.__name__, running)
        return running

    with ExitStack() as stack:
        yield started


@pytest.fixture(scope="module")
def target(scene: Scene) -> Target:
    """The same system for all modules that do not need another one."""
    scene.changes()
    return scene.target


@pytest.fixture(scope="package")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One system with users and rooms for all (to start and stop one takes 6 s), without limits:
    they would answer instead of what is tested."""
    # Bob adds the same user to a room in each of hundreds of cases.
    unlimited = {
        "RATE_LIMITS": "off",
        "ROOMS_ADDED_BY_ONE": "100000",
        "ROOMS_ADDED_PER_USER": "100000",
    }
    with Target(tmp_path_factory.mktemp("scene"), **unlimited) as running:
        made = Scene(running)
        yield made
        made.hang_up()
        made.look()
        _note("most", running)


@pytest.fixture
def unharmed(scene: Scene) -> Iterator[None]:
    """Whatever the test sends: nothing in the log, and others go on."""
    with scene.unharmed():
        yield


@pytest.fixture
def nothing_changed(scene: Scene, request: pytest.FixtureRequest) -> Iterator[None]:
    """And every document stays as it is."""
    with scene.unharmed(unchanged_by=request.node.name):
        yield


def _note(module: str, target: Target) -> None:
    seconds, what = target.slowest
    note("hostile input", f"{module}: slowest answer {seconds * 1000:.0f} ms ({what})")


@pytest.fixture
def untouched(target: Target) -> Iterator[None]:
    """Whatever the test sends, every document of the database stays as it is."""
    with target.unchanged():
        yield


@pytest.fixture(scope="class")
def all_untouched(target: Target) -> Iterator[None]:
    """The same for all tests of a class, of which there are many."""
    with target.unchanged():
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip = pytest.mark.skip(reason="reads /proc")
    if not Path("/proc/self/task").exists():
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(skip)
    for item in items:  # pytest 9.2 leaves out what schemathesis 4.32 adds to the name
        if operation := getattr(item, "operation_label", None):
            item._id = replace(item.id, params=operation)
