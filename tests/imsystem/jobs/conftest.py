"""What tests of jobs share."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from tests.imsystem.jobs import kinds


@pytest.fixture
def done() -> Iterator[list[Any]]:
    """What the tasks of tests noted."""
    kinds.done.clear()
    kinds.hold.clear()
    yield kinds.done
    kinds.hold.set()


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel("2026-11-22T10:00:00Z", tick=False) as clock:
        yield clock
